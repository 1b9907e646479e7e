#include "arch/shapes.h"

#include <gtest/gtest.h>

#include "arch/inventory.h"

namespace hadal::arch {
namespace {

using Ratios = std::vector<std::size_t>;

std::uint64_t PublishedBytes(const Config& config) {
  std::uint64_t bytes = 0;
  for (const TensorSpec& spec : TensorsOf(config)) {
    const bool matrix = spec.shape.size() == 2;
    bytes += StoredBytes(spec.format, matrix ? spec.shape[0] : 1, spec.shape.back());
  }
  return bytes;
}

// The published index file of Flash gives its total_size; the counts of parameters are the papers'.
TEST(Shapes, AreThePublishedOnes) {
  EXPECT_EQ(PublishedBytes(FlashShape()), 159'609'485'896u);
  EXPECT_NEAR(static_cast<double>(CountParameters(FlashShape()).total), 284.332e9, 0.001e9);
  EXPECT_NEAR(static_cast<double>(CountParameters(ProShape()).total), 1572.997e9, 0.001e9);
  EXPECT_NEAR(static_cast<double>(CountParameters(ProShape()).active), 48.852e9, 0.001e9);
}

TEST(Shapes, FewerLayersKeepEveryKind) {
  const Config four = ChangeShape(FlashShape(), {.layers = 4}).value();
  EXPECT_EQ(four.compress_ratios, (Ratios{0, 4, 128, 4}));
  EXPECT_EQ(four.num_nextn_predict_layers, 0u);
  EXPECT_EQ(four.num_hash_layers, 3u);
  EXPECT_EQ(ChangeShape(ProShape(), {.layers = 4})->compress_ratios, (Ratios{128, 4, 128, 4}));
  EXPECT_EQ(ChangeShape(FlashShape(), {.layers = 1})->compress_ratios, (Ratios{0}));
  EXPECT_EQ(ChangeShape(FlashShape(), {.layers = 1})->num_hash_layers, 1u);
  EXPECT_EQ(ChangeShape(FlashShape(), {.layers = 2, .mtp = true})->compress_ratios,
            (Ratios{0, 4, 0}));
  const Config more = ChangeShape(FlashShape(), {.layers = 46}).value();
  EXPECT_EQ(Ratios(more.compress_ratios.end() - 5, more.compress_ratios.end()),
            (Ratios{128, 4, 128, 4, 128}));
  EXPECT_EQ(ChangeShape(FlashShape(), {})->compress_ratios, FlashShape().compress_ratios);
  EXPECT_EQ(ChangeShape(FlashShape(), {.ratios = Ratios{4, 4}})->compress_ratios, (Ratios{4, 4}));
}

TEST(Shapes, RefusesWhatIsNoModel) {
  const auto what = [](const ShapeChanges& changes) {
    const auto changed = ChangeShape(FlashShape(), changes);
    return changed.ok() ? std::string() : changed.error().what;
  };
  EXPECT_NE(what({.layers = 0}).find("layers: found 0"), std::string::npos);
  EXPECT_NE(what({.layers = 3, .ratios = Ratios{0, 4}}).find("ratios: found 2"), std::string::npos);
  EXPECT_NE(what({.ratios = Ratios{0, 8}}).find("compress_ratios"), std::string::npos);
  EXPECT_NE(what({.experts = 5}).find("num_experts_per_tok"), std::string::npos);
  EXPECT_NE(what({.vocab = 0}).find("vocab_size"), std::string::npos);
}

}  // namespace
}  // namespace hadal::arch
