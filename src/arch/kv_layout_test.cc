#include "arch/kv_layout.h"

#include <gtest/gtest.h>

#include <utility>

namespace hadal::arch {
namespace {

// The published shapes that matter for the state (config.json of Flash and Pro).
Config Published(std::size_t layers, std::vector<std::size_t> first_two) {
  Config c;
  c.num_hidden_layers = layers;
  c.num_nextn_predict_layers = 1;
  c.head_dim = 512;
  c.qk_rope_head_dim = 64;
  c.index_head_dim = 128;
  c.sliding_window = 128;
  c.compress_ratios = std::move(first_two);
  while (c.compress_ratios.size() < layers)
    c.compress_ratios.push_back(c.compress_ratios.size() % 2 == 0 ? 4 : 128);
  c.compress_ratios.push_back(0);
  return c;
}

TEST(KvLayout, PagesOfThePublishedModels) {
  // A block of 128 tokens: 584 bytes an entry of 512 numbers (448 in FP8 with 8 scales, 64 in
  // BF16), 68 an index key of 128 in FP4 with 4 scales; 32 of both in a CSA layer, one entry in an
  // HCA layer.
  EXPECT_EQ(KvLayout(Published(43, {0, 0}), Numerics::Stored()).page_bytes, 449824u);
  EXPECT_EQ(KvLayout(Published(61, {128, 128}), Numerics::Stored()).page_bytes, 644024u);
}

TEST(KvLayout, FixedStateOfThePublishedModels) {
  // Windows of 128 x 584 bytes a layer; tails in float32: (8, 2*512) per CSA compressor, (8, 2*128)
  // per indexer compressor, (128, 512) per HCA compressor, kv and score each (inference/model.py,
  // Compressor). Then 16 rows more of each.
  const auto expect = [](std::size_t layers, std::size_t csa, std::size_t hca) {
    return layers * (128 + 16) * 584 + csa * 2 * 4 * (8 + 16) * (1024 + 256) +
           hca * 2 * 4 * (128 + 16) * 512;
  };
  EXPECT_EQ(KvLayout(Published(43, {0, 0}), Numerics::Stored()).fixed_bytes, expect(44, 21, 20));
  EXPECT_EQ(KvLayout(Published(61, {128, 128}), Numerics::Stored()).fixed_bytes,
            expect(62, 30, 31));
}

// Of the published shapes the report counts 128 tokens a layer, without the MTP block: 5,504 and
// 7,808.
TEST(KvLayout, FixedStateFollowsFromTheLastTokens) {
  EXPECT_EQ(KvLayout(Published(43, {0, 0}), Numerics::Stored()).TokensOfFixed(),
            43 * 127 + 128 + 16u);
  EXPECT_EQ(KvLayout(Published(61, {128, 128}), Numerics::Stored()).TokensOfFixed(),
            61 * 127 + 128 + 16u);
}

// Two parts hold what the whole does, each layer the same at another place.
TEST(KvLayout, PartsAddUpToTheWhole) {
  const Config config = Published(7, {0, 128});
  const KvLayout whole(config, Numerics::Stored());
  const KvLayout front(config, Numerics::Stored(), {.end_layer = 3, .mtp = false});
  const KvLayout back(config, Numerics::Stored(), {.begin_layer = 3});
  ASSERT_EQ(front.layers.size(), 3u);
  ASSERT_EQ(back.layers.size(), 5u);
  EXPECT_TRUE(back.layers.back().mtp && !front.layers.back().mtp);
  EXPECT_EQ(front.page_bytes + back.page_bytes, whole.page_bytes);
  EXPECT_EQ(front.fixed_bytes + back.fixed_bytes, whole.fixed_bytes);
  for (std::size_t l = 0; l < whole.layers.size(); ++l) {
    const bool first = l < 3;
    const LayerLayout& part = first ? front.layers[l] : back.layers[l - 3];
    EXPECT_EQ(part.kind.ratio, whole.layers[l].kind.ratio);
    EXPECT_EQ(part.window_offset + (first ? 0 : front.fixed_bytes), whole.layers[l].window_offset);
    if (part.page_entries != 0) {
      EXPECT_EQ(part.entry_offset + (first ? 0 : front.page_bytes), whole.layers[l].entry_offset);
    }
  }
}

// As docs/architecture.md and docs/plan.md say.
TEST(KvLayout, GoingBackCosts) {
  const auto cost = [](const KvLayout& layout) {
    std::size_t bytes = 0;
    for (const LayerLayout& layer : layout.layers) {
      bytes += (layout.window_slots - layout.window) * layout.entry_bytes;
      for (const TailLayout* tail : {&layer.tail, &layer.index_tail})
        bytes += (tail->rows - tail->pooled) * tail->row_bytes();
    }
    return std::pair(bytes, layout.fixed_bytes);
  };
  EXPECT_EQ(cost({Published(43, {0, 0}), Numerics::Stored()}), std::pair(5162496ul, 20657664ul));
  EXPECT_EQ(cost({Published(61, {128, 128}), Numerics::Stored()}),
            std::pair(7526144ul, 30871296ul));
}

TEST(KvLayout, NothingOverlaps) {
  const KvLayout layout(Published(4, {0, 128}), Numerics::F32());
  std::size_t fixed = 0, page = 0;
  for (const LayerLayout& layer : layout.layers) {
    EXPECT_EQ(layer.window_offset, fixed);
    fixed += layout.window_slots * layout.entry_bytes;
    for (const TailLayout* tail : {&layer.tail, &layer.index_tail}) {
      if (tail->rows == 0) continue;
      EXPECT_EQ(tail->kv_offset, fixed);
      EXPECT_EQ(tail->score_offset, fixed + tail->rows * tail->width * sizeof(float));
      fixed += tail->bytes();
    }
    if (layer.page_entries == 0) continue;
    EXPECT_EQ(layer.entry_offset, page);
    page += layer.page_entries * layout.entry_bytes;
    if (layer.kind.ratio != kCsaRatio) continue;
    EXPECT_EQ(layer.index_offset, page);
    page += layer.page_entries * layout.index_key_bytes;
  }
  EXPECT_EQ(layout.fixed_bytes, fixed);
  EXPECT_EQ(layout.page_bytes, page);
}

}  // namespace
}  // namespace hadal::arch
