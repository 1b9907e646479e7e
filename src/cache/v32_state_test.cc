// V3.2's sequences: pages alone, an empty fixed block, and nothing that reading on makes them
// forget. Forks, going back, checkpoints, snapshots and kept prefixes at the ends of pages.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <set>
#include <vector>

#include "cache/checkpoint.h"
#include "cache/prefix_cache.h"
#include "cache/random_state.h"
#include "cache/small_shape_test.h"
#include "cache/snapshot.h"
#include "io/file.h"
#include "kernels/latent_entry.h"
#include "testing/temp_folder.h"

namespace hadal::cache {
namespace {

constexpr std::uint64_t kEnds[] = {0, 1, 127, 128, 129, 256, 300};
constexpr std::size_t kEntry = 128 + 4 + 2 * 64, kKey = 128 + 4;  // bytes

class V32State : public ::testing::Test {
 protected:
  Sequence Filled(std::uint64_t tokens, std::uint64_t seed = 1) {
    Sequence sequence = Sequence::Create(pool_).value();
    HADAL_CHECK(
        FillRandom(SmallV32Shape(), arch::Numerics::Stored(), tokens, seed, threads_, &sequence)
            .ok());
    return sequence;
  }
  // Tokens, the MTP block's count, and every byte of the records of those tokens.
  static bool Same(const Sequence& a, const Sequence& b) {
    const model::SequenceState &x = a.state(), &y = b.state();
    const arch::KvLayout& layout = a.pool().layout();
    if (x.tokens != y.tokens || x.mtp_tokens != y.mtp_tokens) return false;
    for (const arch::LayerLayout& layer : layout.layers)
      for (std::uint64_t t = 0; t < (layer.mtp ? x.mtp_tokens : x.tokens); ++t) {
        const std::size_t page = t / arch::kPageTokens, slot = t % arch::kPageTokens;
        const auto same = [&](std::size_t offset, std::size_t bytes) {
          return std::memcmp(x.pages[page] + offset + slot * bytes,
                             y.pages[page] + offset + slot * bytes, bytes) == 0;
        };
        if (!same(layer.entry_offset, kEntry) || !same(layer.index_offset, kKey)) return false;
      }
    return true;
  }

  const arch::KvLayout layout_{SmallV32Shape(), arch::Numerics::Stored()};
  std::shared_ptr<Pool> pool_ = std::make_shared<Pool>(layout_);
  Threads threads_{2};
};

TEST_F(V32State, IsPagesOfPublishedRecordsAndNothingElse) {
  EXPECT_EQ(layout_.entry_bytes, kEntry);
  EXPECT_EQ(layout_.index_key_bytes, kKey);
  EXPECT_EQ(layout_.fixed_bytes, 0u);
  EXPECT_EQ(layout_.page_bytes, 4 * 128 * (kEntry + kKey));  // three layers and the MTP block
  for (const std::uint64_t tokens : kEnds)
    EXPECT_EQ(Filled(tokens).bytes(), arch::PagesOf(tokens) * layout_.page_bytes);
  EXPECT_EQ(pool_->used_bytes(), 0u);
}

TEST_F(V32State, RandomOnesDecodeAndDiffer) {
  const Sequence a = Filled(300), again = Filled(300), other = Filled(300, 2);
  EXPECT_TRUE(Same(a, again));
  EXPECT_FALSE(Same(a, other));
  std::set<float> firsts;
  std::vector<float> latent(192), key(128);
  for (std::size_t t = 0; t < 300; ++t) {
    const std::byte* page = a.state().pages[t / 128];
    const arch::LayerLayout& layer = layout_.layers[1];
    kernels::DecodeLatentEntry({.head_dim = 192, .rope_dim = 64},
                               {page + layer.entry_offset + t % 128 * kEntry, kEntry}, latent);
    kernels::DecodeFp8Key({page + layer.index_offset + t % 128 * kKey, kKey}, key);
    for (const float v : latent) ASSERT_TRUE(std::isfinite(v) && std::fabs(v) < 8) << t;
    for (const float v : key) ASSERT_TRUE(std::isfinite(v) && std::fabs(v) < 8) << t;
    firsts.insert(latent.back());
  }
  EXPECT_GT(firsts.size(), 200u);
}

// Nothing is forgotten, so back is anywhere: K is a bound of rings.
TEST_F(V32State, GoesBackToAnyToken) {
  for (const std::uint64_t to : kEnds) {
    SCOPED_TRACE(to);
    Sequence a = Filled(1000);
    const Sequence whole = a.Fork().value();
    EXPECT_EQ(a.earliest().tokens, 0u);
    ASSERT_TRUE(a.Truncate(to, std::max<std::uint64_t>(to, 1) - 1).ok());
    EXPECT_EQ(a.bytes(), arch::PagesOf(to) * layout_.page_bytes);
    // A page that others hold is copied before it is written to; full ones stay shared.
    for (std::size_t p = 0; p < arch::PagesOf(to); ++p)
      EXPECT_EQ(a.state().pages[p] == whole.state().pages[p], (p + 1) * 128 <= to) << p;
    EXPECT_TRUE(Same(whole, Filled(1000)));
  }
}

TEST_F(V32State, ACheckpointIsPagesThatAreShared) {
  const Sequence a = Filled(256);
  const std::uint64_t used = pool_->used_bytes();
  const Checkpoint checkpoint = Checkpoint::Take(a).value();
  EXPECT_EQ(pool_->used_bytes(), used);
  const Sequence back = checkpoint.Restore().value();
  EXPECT_EQ(pool_->used_bytes(), used);
  EXPECT_TRUE(Same(a, back));
  EXPECT_FALSE(Checkpoint::Take(Filled(255)).ok());
}

TEST_F(V32State, SnapshotsComeBackAndDamageIsNamed) {
  const testing::TempFolder folder;
  const std::string path = folder.File("s");
  for (const std::uint64_t tokens : kEnds) {
    SCOPED_TRACE(tokens);
    const Sequence sequence = Filled(tokens);
    ASSERT_TRUE(SaveSnapshot(sequence, 5, "note", path).ok());
    const auto loaded = LoadSnapshot(path, 5, pool_);
    ASSERT_TRUE(loaded.ok()) << loaded.error().what;
    EXPECT_TRUE(Same(sequence, loaded->sequence));
    EXPECT_EQ(loaded->sequence.earliest().tokens, 0u);
    EXPECT_EQ(loaded->note, "note");
  }
  const std::string good = io::ReadFile(path).value();
  for (std::size_t at = 0; at < good.size(); at += at < 120 ? 1 : 4999) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    ASSERT_TRUE(io::WriteFile(path, bad).ok());
    const auto loaded = LoadSnapshot(path, 5, pool_);
    ASSERT_FALSE(loaded.ok()) << at;
    EXPECT_EQ(loaded.error().what.find(path + ": "), 0u) << loaded.error().what;
  }
  // Of the other architecture, even where the fingerprint lies.
  ASSERT_TRUE(io::WriteFile(path, good).ok());
  const auto v4 = std::make_shared<Pool>(arch::KvLayout(SmallShape(), arch::Numerics::Stored()));
  EXPECT_FALSE(LoadSnapshot(path, 5, v4).ok());
  EXPECT_EQ(pool_->used_bytes() + v4->used_bytes(), 0u);
}

// A state at a page's end takes nothing, and is dropped after what holds its pages.
TEST_F(V32State, PrefixesAreKeptAndGiveEverythingBack) {
  PrefixCache prefixes(pool_, [] { return std::uint64_t{1} << 40; });
  std::vector<std::int32_t> text(300, 7);
  {
    const Sequence whole = Filled(300);
    const std::uint64_t used = pool_->used_bytes();
    for (const std::size_t tokens : {128u, 256u}) {
      Sequence part = whole.Fork().value();
      ASSERT_TRUE(part.Truncate(tokens, tokens - 1).ok());
      prefixes.Keep(0, std::span(text).first(tokens), part);
    }
    EXPECT_EQ(pool_->used_bytes(), used);
    prefixes.Keep(0, text, whole);
    EXPECT_EQ(pool_->used_bytes(), used + layout_.page_bytes);  // the one under way
  }
  EXPECT_EQ(prefixes.figures().states, 3u);

  // An edit in the middle goes on from the nearest token of it: nothing was forgotten.
  text[290] = 8;
  PrefixUse use;
  auto taken = prefixes.Take(prefixes.Find(0, text), text, false, &use);
  ASSERT_TRUE(taken);
  EXPECT_GE(taken->tokens(), 256u);
  EXPECT_LE(taken->tokens(), 290u);
  EXPECT_EQ(use.cached, taken->tokens());
  taken.reset();

  while (prefixes.DropLeast()) {
  }
  EXPECT_EQ(prefixes.figures().states, 0u);
  EXPECT_EQ(pool_->used_bytes(), 0u);
}

}  // namespace
}  // namespace hadal::cache
