#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "base/random.h"
#include "cache/filled_sequence_test.h"
#include "cache/sequence.h"
#include "cache/snapshot.h"
#include "io/checksum.h"
#include "io/file.h"
#include "kernels/block_quant.h"
#include "testing/page_cache.h"
#include "testing/temp_folder.h"

namespace hadal::cache {
namespace {

TEST(Pool, CountsAndRefuses) {
  const arch::KvLayout layout = Layout();
  const auto pool = std::make_shared<Pool>(layout, layout.fixed_bytes + 2 * layout.page_bytes);
  Sequence sequence = Sequence::Create(pool).value();
  ASSERT_TRUE(sequence.Reserve(256).ok());
  EXPECT_EQ(pool->used_bytes(), pool->budget_bytes());
  EXPECT_EQ(sequence.bytes(), pool->budget_bytes());
  const Status more = sequence.Reserve(257);
  ASSERT_FALSE(more.ok());
  EXPECT_EQ(more.error().code, Code::kExhausted);
  EXPECT_EQ(more.error().what.find("257 tokens of context: "), 0u) << more.error().what;
  EXPECT_EQ(pool->used_bytes(), pool->budget_bytes());
  EXPECT_EQ(sequence.state().pages.size(), 2u);
  EXPECT_FALSE(Sequence::Create(pool).ok());
  EXPECT_FALSE(sequence.Fork().ok());
}

// What the system does not have is an error too, and nothing stays counted.
TEST(Pool, SaysWhenTheSystemHasNoMemory) {
  arch::KvLayout layout = Layout();
  layout.page_bytes = std::size_t{1} << 60;
  const auto pool = std::make_shared<Pool>(layout);
  Sequence sequence = Sequence::Create(pool).value();
  const Status more = sequence.Reserve(1);
  ASSERT_FALSE(more.ok());
  EXPECT_EQ(more.error().code, Code::kExhausted);
  EXPECT_EQ(more.error().what.find("1 tokens of context: no memory for another "), 0u)
      << more.error().what;
  EXPECT_EQ(pool->used_bytes(), layout.fixed_bytes);
  EXPECT_EQ(sequence.Reserve(std::numeric_limits<std::size_t>::max()).error().code,
            Code::kExhausted);
  layout.fixed_bytes = layout.page_bytes;
  const auto none = Sequence::Create(layout);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, Code::kExhausted);
}

TEST(Pool, BlocksOutliveIt) {
  auto pool = std::make_shared<Pool>(Layout());
  BlockRef page = pool->TakePage().value();
  pool.reset();
  page->bytes()[0] = std::byte{1};
}

TEST(Fork, SharesFullPagesAndCopiesTheRest) {
  const auto pool = std::make_shared<Pool>(Layout());
  const arch::KvLayout& layout = pool->layout();
  Sequence a = Filled(pool, 5 * 128 + 40);
  const std::uint64_t before = pool->used_bytes();
  Sequence b = a.Fork().value();
  EXPECT_TRUE(SameState(a, b));
  EXPECT_EQ(pool->used_bytes() - before, layout.fixed_bytes + layout.page_bytes);
  for (std::size_t p = 0; p < 5; ++p) EXPECT_EQ(a.state().pages[p], b.state().pages[p]);
  // What either goes on to write is its own.
  EXPECT_NE(a.state().pages[5], b.state().pages[5]);
  b.state().pages[5][0] ^= std::byte{1};
  b.state().fixed[0] ^= std::byte{1};
  EXPECT_NE(a.state().pages[5][0], b.state().pages[5][0]);
  EXPECT_NE(a.state().fixed[0], b.state().fixed[0]);
  // The pages live as long as one owner does.
  { const Sequence gone = std::move(a); }
  EXPECT_EQ(pool->used_bytes(), before);
  { const Sequence gone = std::move(b); }
  EXPECT_EQ(pool->used_bytes(), 0u);
}

// At a boundary there is nothing to copy; room that was reserved is not shared.
TEST(Fork, AtAPageBoundary) {
  const auto pool = std::make_shared<Pool>(Layout());
  Sequence a = Filled(pool, 256);
  ASSERT_TRUE(a.Reserve(128).ok());
  const std::uint64_t before = pool->used_bytes();
  const Sequence b = a.Fork().value();
  EXPECT_EQ(pool->used_bytes() - before, pool->layout().fixed_bytes);
  EXPECT_EQ(b.state().pages.size(), 2u);
  EXPECT_TRUE(SameState(a, b));
}

// 100,000 tokens cost two continuations one page and one fixed block each.
TEST(Fork, ALongPrefixIsStoredOnce) {
  const auto pool = std::make_shared<Pool>(Layout());
  const Sequence prefix = Filled(pool, 100'000);
  const std::uint64_t one = pool->used_bytes();
  const Sequence a = prefix.Fork().value(), b = prefix.Fork().value();
  EXPECT_EQ(pool->used_bytes() - one, 2 * (pool->layout().fixed_bytes + pool->layout().page_bytes));
  EXPECT_LT(pool->used_bytes(), one + one / 16);
}

TEST(RandomState, IsValidAndVaried) {
  const auto pool = std::make_shared<Pool>(Layout());
  const arch::KvLayout& layout = pool->layout();
  const arch::Config config = SmallConfig();
  const Sequence a = Filled(pool, 1000), again = Filled(pool, 1000), other = Filled(pool, 1000, 2);
  EXPECT_TRUE(SameState(a, again));
  EXPECT_FALSE(SameState(a, other));
  EXPECT_EQ(a.state().tokens, 1000u);
  std::set<float> firsts;
  std::vector<float> kv(config.head_dim), key(config.index_head_dim);
  const arch::LayerLayout& layer = layout.layers[1];  // CSA: 250 entries
  for (std::size_t entry = 0; entry < 250; ++entry) {
    const std::byte* page = a.state().pages[entry / 32];
    kernels::DecodeKvEntry(
        {config.head_dim, config.qk_rope_head_dim},
        {page + layer.entry_offset + entry % 32 * layout.entry_bytes, layout.entry_bytes}, kv);
    kernels::DecodeIndexKey(
        {page + layer.index_offset + entry % 32 * layout.index_key_bytes, layout.index_key_bytes},
        key);
    for (const float v : kv) ASSERT_TRUE(std::isfinite(v) && std::fabs(v) < 8);
    for (const float v : key) ASSERT_TRUE(std::isfinite(v) && std::fabs(v) < 8);
    firsts.insert(kv.back());
  }
  EXPECT_GT(firsts.size(), 200u);
}

class SnapshotTest : public ::testing::Test {
 protected:
  std::string Load(const std::string& path, std::uint64_t fingerprint = 77) {
    const std::uint64_t before = pool_->used_bytes();
    const auto loaded = LoadSnapshot(path, fingerprint, pool_, 1000);
    if (loaded.ok()) return "";
    EXPECT_EQ(pool_->used_bytes(), before);
    return loaded.error().what;
  }
  std::shared_ptr<Pool> pool_ = std::make_shared<Pool>(Layout());
  testing::TempFolder folder_;
  const std::string path_ = folder_.File("s.snap");
};

TEST_F(SnapshotTest, ComesBack) {
  for (const std::uint64_t tokens : {0u, 1u, 127u, 128u, 129u, 1000u}) {
    Sequence sequence = Filled(pool_, tokens + 5);
    ASSERT_TRUE(sequence.Truncate(tokens).ok());
    ASSERT_TRUE(SaveSnapshot(sequence, 77, "a note", path_).ok());
    const auto loaded = LoadSnapshot(path_, 77, pool_);
    ASSERT_TRUE(loaded.ok()) << loaded.error().what;
    EXPECT_TRUE(SameState(sequence, loaded->sequence)) << tokens;
    EXPECT_EQ(loaded->sequence.earliest().tokens, sequence.earliest().tokens);
    EXPECT_EQ(loaded->sequence.earliest().mtp_tokens, sequence.earliest().mtp_tokens);
    EXPECT_EQ(loaded->note, "a note");
  }
}

TEST_F(SnapshotTest, LeavesThePageCacheAsItWas) {
  const Sequence sequence = Filled(pool_, 40'000);
  ASSERT_TRUE(SaveSnapshot(sequence, 77, "note", path_).ok());
  ASSERT_GT(io::ReadFile(path_).value().size(), 4'000'000u);
  if (!testing::DropFromCache(path_)) GTEST_SKIP() << "this file system keeps it";
  ASSERT_TRUE(LoadSnapshot(path_, 77, pool_).ok());
  EXPECT_EQ(testing::CachedBytes(path_), 0u);
  ASSERT_TRUE(SaveSnapshot(sequence, 77, "note", path_).ok());
  EXPECT_EQ(testing::CachedBytes(path_), 0u);
}

TEST_F(SnapshotTest, EveryFlippedByteIsFoundAndNamed) {
  const Sequence sequence = Filled(pool_, 300);
  ASSERT_TRUE(SaveSnapshot(sequence, 77, "note", path_).ok());
  const std::string good = io::ReadFile(path_).value();
  const arch::KvLayout& layout = pool_->layout();
  const std::size_t fixed = 88 + 8, note = fixed + layout.fixed_bytes + 8, pages = note + 4 + 8;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < fixed; ++i) places.push_back(i);
  for (std::size_t i = fixed; i < good.size(); i += 997) places.push_back(i);
  for (std::size_t i = note - 10; i < pages + 10; ++i) places.push_back(i);
  for (std::size_t i = good.size() - 9; i < good.size(); ++i) places.push_back(i);
  for (const std::size_t place : places) {
    std::string bad = good;
    bad[place] = static_cast<char>(bad[place] ^ 0x10);
    ASSERT_TRUE(io::WriteFile(path_, bad).ok());
    const std::string what = Load(path_);
    ASSERT_EQ(what.find(path_ + ": "), 0u) << place << " " << what;
    const std::size_t page = place < pages ? 0 : (place - pages) / (layout.page_bytes + 8) + 1;
    const std::string section = place < 16      ? ""  // magic and version have words of their own
                                : place < fixed ? "header"
                                : place < note  ? "fixed block"
                                : place < pages ? "note"
                                                : fmt::format("page {} of 3", page);
    EXPECT_NE(what.find(section), std::string::npos) << place << " " << what;
  }
}

// Sound by its checksum, and still not a header that was ever written.
TEST_F(SnapshotTest, AHeaderThatCannotBeIsFound) {
  ASSERT_TRUE(SaveSnapshot(Filled(pool_, 300), 77, "note", path_).ok());
  const std::string good = io::ReadFile(path_).value();
  const auto with = [&](std::size_t offset, std::uint64_t value) {
    std::string bad = good;
    std::memcpy(bad.data() + offset, &value, sizeof(value));
    const std::uint64_t sum = io::Checksum(std::as_bytes(std::span(bad.data(), 88)), 1);
    std::memcpy(bad.data() + 88, &sum, sizeof(sum));
    HADAL_CHECK(io::WriteFile(path_, bad).ok());
    return Load(path_);
  };
  EXPECT_EQ(with(40, 300), "");
  EXPECT_NE(with(40, 301).find("300 tokens that can go back to 301, MTP 299 to 282"),
            std::string::npos);
  EXPECT_NE(with(48, 300).find("300 tokens that can go back to 284, MTP 299 to 300"),
            std::string::npos);
  EXPECT_NE(with(72, 2).find("header: found 2 pages of 300 tokens"), std::string::npos);
  EXPECT_NE(with(8, 3).find("found version 3 of the format, expected 4"), std::string::npos);
}

TEST_F(SnapshotTest, EveryCutIsFound) {
  const Sequence sequence = Filled(pool_, 200);
  ASSERT_TRUE(SaveSnapshot(sequence, 77, "note", path_).ok());
  const std::string good = io::ReadFile(path_).value();
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{7}, std::size_t{8}, std::size_t{95}, std::size_t{96},
        std::size_t{500}, good.size() / 2, good.size() - 1}) {
    ASSERT_TRUE(io::WriteFile(path_, good.substr(0, length)).ok());
    EXPECT_EQ(Load(path_).find(path_ + ": "), 0u) << length;
  }
  ASSERT_TRUE(io::WriteFile(path_, good + "x").ok());
  EXPECT_NE(Load(path_).find("found "), std::string::npos);
  // Two pages that changed places, each with its own checksum.
  const std::size_t section = pool_->layout().page_bytes + 8;
  std::string swapped = good.substr(0, good.size() - 2 * section) +
                        good.substr(good.size() - section) +
                        good.substr(good.size() - 2 * section, section);
  ASSERT_TRUE(io::WriteFile(path_, swapped).ok());
  EXPECT_NE(Load(path_).find("page 1 of 2"), std::string::npos);
}

TEST_F(SnapshotTest, AnotherModelOrTooLittleRoom) {
  const Sequence sequence = Filled(pool_, 1000);
  ASSERT_TRUE(SaveSnapshot(sequence, 77, std::string(2000, 'n'), path_).ok());
  EXPECT_NE(Load(path_, 78).find("made by another model"), std::string::npos);
  EXPECT_NE(Load(path_).find("note: found 2.00 kB"), std::string::npos);
  const auto small = std::make_shared<Pool>(Layout(), 3 * Layout().page_bytes);
  const auto refused = LoadSnapshot(path_, 77, small);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kExhausted);
  EXPECT_EQ(small->used_bytes(), 0u);
  EXPECT_FALSE(SaveSnapshot(sequence, 77, "", folder_.File("none/s.snap")).ok());
  EXPECT_EQ(Load(folder_.File("absent")).find(folder_.File("absent")), 0u);
}

}  // namespace
}  // namespace hadal::cache
