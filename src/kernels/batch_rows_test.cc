// The kernels that find their rows' entries in windows and pages, against their definitions.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/random.h"
#include "kernels/attend_rows.h"
#include "kernels/packed_index_scores.h"
#include "kernels/pool_blocks.h"
#include "kernels/select_rows.h"
#include "testing/close.h"

namespace hadal::kernels {
namespace {

constexpr std::size_t kHeads = 3, kDim = 128, kRope = 64, kRing = 8, kPage = 4, kPages = 40;
const float kScale = 1 / std::sqrt(static_cast<float>(kDim));

std::vector<float> Normals(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> numbers(count);
  for (float& v : numbers) v = static_cast<float>(random.Normal());
  return numbers;
}

// `count` entries, stored; one behind the other.
template <class Format>
std::vector<std::byte> Stored(const Format& format, std::size_t count, std::size_t dim,
                              std::uint64_t seed) {
  std::vector<float> x = Normals(count * dim, seed);
  std::vector<std::byte> entries(count * format.bytes());
  std::vector<std::byte*> to;
  for (std::size_t i = 0; i < count; ++i) to.push_back(entries.data() + i * format.bytes());
  Threads threads(2);
  StoreEntries(format, View2<float>(x.data(), count, dim), to, threads);
  return entries;
}

// Pages of kPage entries, in an order that is not memory's, with something in front of their
// entries.
template <class Format>
struct Pages {
  Pages(const Format& format, std::size_t dim, std::uint64_t seed)
      : memory(Stored(format, kPages * (kPage + 1), dim, seed)) {
    for (std::size_t p = 0; p < kPages; ++p)
      order.push_back(memory.data() + p * 7 % kPages * (kPage + 1) * format.bytes());
    entries = {order, kPage, format.bytes(), format.bytes()};
  }
  std::vector<std::byte> memory;
  std::vector<std::byte*> order;
  PagedEntries entries;
};

EntryFormat Format(EntryStorage storage) { return {storage, {kDim, kRope}}; }

TEST(StoreEntries, AreWhatTheirDefinitionsStore) {
  for (const EntryStorage storage :
       {EntryStorage::kPublished, EntryStorage::kRounded, EntryStorage::kFloat}) {
    const EntryFormat format = Format(storage);
    const KeyFormat keys{storage, kDim};
    std::vector<float> x = Normals(kDim, 5), y = x;
    std::vector<std::byte> want(format.bytes()), want_key(keys.bytes());
    ref::StoreEntry(format, x, want.data());
    ref::StoreEntry(keys, y, want_key.data());
    EXPECT_EQ(Stored(format, 1, kDim, 5), want);
    EXPECT_EQ(Stored(keys, 1, kDim, 5), want_key);
  }
}

TEST(KeepInRing, KeepsTheNewest) {
  const std::vector<float> x = {0, 1, 2, 3, 4};
  for (const std::size_t rows : {1u, 3u, 5u}) {
    std::vector<float> ring(3, -1);
    KeepInRing(View2<const float>(x.data(), rows, 1), 10, View2<float>(ring.data(), 3, 1));
    for (std::size_t i = rows - std::min<std::size_t>(rows, 3); i < rows; ++i)
      EXPECT_EQ(ring[(10 + i) % 3], x[i]) << rows;
    EXPECT_EQ(ring[0], rows == 1 ? -1 : x[2]) << rows;
  }
}

// What the definitions share with the kernels is where entries lie: here by hand.
TEST(AttendedEntries, AreFoundInTheRingTheChunkAndThePages) {
  std::vector<std::byte> ring(4 * 2), fresh(3 * 2), pages(3 * 10);
  std::byte* const order[] = {pages.data() + 20, pages.data(), pages.data() + 10};
  AttendedEntries entries;
  // Positions 4 to 7 lie in the ring's rows 0 to 3, 8 to 10 in the chunk.
  entries.window = {View2<const std::byte>(ring.data(), 4, 2),
                    View2<const std::byte>(fresh.data(), 3, 2), 8};
  entries.window_begin = 6;
  entries.window_count = 4;
  entries.compressed = {order, 2, 4, 3};  // two entries of three bytes a page, behind four others
  const std::vector<std::uint32_t> chosen = {1, 4};
  for (const bool choice : {false, true}) {
    if (choice) entries.chosen = chosen;
    entries.compressed_count = 2;
    ASSERT_EQ(entries.size(), 6u);
    EXPECT_EQ(entries[0] - ring.data(), 2 * 2);
    EXPECT_EQ(entries[1] - ring.data(), 3 * 2);
    EXPECT_EQ(entries[2] - fresh.data(), 0);
    EXPECT_EQ(entries[3] - fresh.data(), 2);
    EXPECT_EQ(entries[4] - pages.data(), choice ? 20 + 4 + 3 : 20 + 4);
    EXPECT_EQ(entries[5] - pages.data(), choice ? 10 + 4 : 20 + 4 + 3);
  }
}

// Rows at several places of a chunk, whose windows lie in the ring, across both and in the chunk
// alone.
TEST(AttendRows, IsTheDefinitionForAnyThreads) {
  for (const EntryStorage storage : {EntryStorage::kPublished, EntryStorage::kFloat}) {
    const EntryFormat format = Format(storage);
    const std::vector<std::byte> ring = Stored(format, kRing, kDim, 1),
                                 fresh = Stored(format, 12, kDim, 2);
    const Pages<EntryFormat> pages(format, kDim, 3);
    const std::vector<std::uint32_t> chosen = {0, 3, 4, 9, 17, 101, 158};
    const std::vector<float> sink = {-INFINITY, 0, 2};  // the first head has none
    const auto row = [&](std::size_t i, std::size_t compressed, bool choice) {
      AttendedEntries entries;
      entries.window = {View2<const std::byte>(ring.data(), kRing, format.bytes()),
                        View2<const std::byte>(fresh.data(), 12, format.bytes()), 20};
      entries.window_begin = 20 + i + 1 - kRing;
      entries.window_count = kRing;
      entries.compressed = pages.entries;
      if (choice) entries.chosen = chosen;
      entries.compressed_count = choice ? chosen.size() : compressed;
      return entries;
    };
    const std::vector<AttendedEntries> all = {row(0, 0, false), row(3, 70, false), row(7, 0, true),
                                              row(11, 160, false)};
    for (const std::size_t count : {1u, 4u}) {
      const std::span<const AttendedEntries> rows = std::span(all).last(count);
      const std::vector<float> q = Normals(count * kHeads * kDim, 4);
      std::vector<float> want = q, first;
      ref::AttendRows(rows, format, kScale, sink, View2<float>(want.data(), count, kHeads * kDim));
      for (const std::size_t number : {1u, 2u, 5u}) {
        Threads threads(number);
        const std::size_t floats = AttendScratchFloats(kHeads, kDim);
        std::vector<float> got = q, scratch(number * floats, NAN);
        AttendRows(rows, format, kScale, sink, View2<float>(got.data(), count, kHeads * kDim),
                   View2<float>(scratch.data(), number, floats), threads);
        for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], 1e-4) << i;
        if (first.empty()) first = got;
        EXPECT_TRUE(testing::SameBits(got, first)) << number;
      }
    }
  }
}

// Rows of two sequences; neighbours of one see ever more of its keys, as tokens of a prompt do.
TEST(SelectRows, IsTheDefinitionForAnyThreads) {
  for (const bool packed : {false, true}) {
    const KeyFormat format{packed ? EntryStorage::kPublished : EntryStorage::kFloat, kDim};
    const Pages<KeyFormat> pages(format, kDim, 3), others(format, kDim, 6);
    std::vector<IndexedEntries> all;
    for (std::size_t i = 0; i < 9; ++i) all.push_back({others.entries, 90 + 8 * i});
    for (const std::size_t visible : {0u, 50u, 130u, 130u, 131u, 160u})
      all.push_back({pages.entries, visible});
    constexpr std::size_t kTop = 100;  // so many that no page is without one
    for (const std::size_t count : {std::size_t{1}, std::size_t{4}, all.size()}) {
      const std::span<const IndexedEntries> rows = std::span(all).last(count);
      std::vector<float> q = Normals(count * kHeads * kDim, 4), w = Normals(count * kHeads, 5);
      Threads one(1);
      const View2<float> q_view(q.data(), count, kHeads * kDim), w_view(w.data(), count, kHeads);
      IndexQueries queries{.format = format, .q = q_view, .w = w_view, .packed = {}};
      const std::size_t bytes = PackedIndexQueryBytes(kHeads, kDim);
      std::vector<std::byte> packed_q(count * bytes);
      if (packed) {
        RoundFp4(q_view, one);
        PackIndexQueries(q_view, w_view, View2<std::byte>(packed_q.data(), count, bytes), one);
        queries.packed = View2<const std::byte>(packed_q.data(), count, bytes);
      }
      std::vector<std::uint32_t> want(count * kTop, 999);
      ref::SelectRows(rows, queries, View2<std::uint32_t>(want.data(), count, kTop));
      for (const std::size_t number : {1u, 3u}) {
        Threads threads(number);
        const std::size_t floats = SelectScratchFloats(kPage, kHeads, kDim);
        std::vector<float> scratch(number * floats, NAN);
        std::vector<TopK> best(number * SelectRowsTogether(kHeads, kDim), TopK(kTop));
        std::vector<std::uint32_t> got(count * kTop, 999);
        SelectRows(rows, queries, View2<std::uint32_t>(got.data(), count, kTop), best,
                   View2<float>(scratch.data(), number, floats), threads);
        EXPECT_EQ(got, want) << packed << ' ' << count << ' ' << number;
      }
    }
  }
}

TEST(PoolBlocks, IsTheDefinitionForAnyThreads) {
  for (const bool overlaps : {false, true}) {
    const PoolShape shape{.ratio = 4, .dim = 5, .overlaps = overlaps};
    const std::size_t width = overlaps ? 10 : 5;
    const std::vector<float> ring = Normals(2 * kRing * width, 1), rows = Normals(24 * width, 2);
    const TokenRows tokens{View2<const float>(ring.data(), kRing, width),
                           View2<const float>(ring.data() + kRing * width, kRing, width),
                           View2<const float>(rows.data(), 12, width),
                           View2<const float>(rows.data() + 12 * width, 12, width), 6};
    const TokenRows start{{}, {}, tokens.kv, tokens.score, 0};
    const std::vector<PooledBlock> blocks = {{&tokens, 1}, {&tokens, 2}, {&start, 0}, {&tokens, 3}};
    std::vector<float> want(blocks.size() * shape.dim), got(want.size());
    ref::PoolBlocks(blocks, shape, View2<float>(want.data(), blocks.size(), shape.dim));
    for (const std::size_t number : {1u, 3u}) {
      Threads threads(number);
      const std::size_t floats = PoolScratchFloats(shape);
      std::vector<float> scratch(number * floats, NAN);
      std::ranges::fill(got, NAN);
      PoolBlocks(blocks, shape, View2<float>(got.data(), blocks.size(), shape.dim),
                 View2<float>(scratch.data(), number, floats), threads);
      for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-5) << i;
    }
  }
}

// What the definition shares with the kernel is where rows lie: here by hand.
TEST(PoolBlocks, TakesItsOwnTokensAndThoseBefore) {
  const PoolShape shape{.ratio = 2, .dim = 1, .overlaps = true};
  const std::vector<float> ring_kv = {10, 20, 30, 40, 50, 60, 70, 80};  // positions 4, 5, 2, 3
  const std::vector<float> kv = {100, 200}, zeros(16, 0);               // position 5
  const TokenRows tokens{
      View2<const float>(ring_kv.data(), 4, 2), View2<const float>(zeros.data(), 4, 2),
      View2<const float>(kv.data(), 1, 2), View2<const float>(zeros.data(), 1, 2), 5};
  // Block 2: tokens 2 and 3 with their first halves, 4 and 5 with their second.
  const PooledBlock block{&tokens, 2};
  std::vector<float> got(1), scratch(PoolScratchFloats(shape));
  Threads threads(1);
  PoolBlocks({&block, 1}, shape, View2<float>(got.data(), 1, 1),
             View2<float>(scratch.data(), 1, scratch.size()), threads);
  EXPECT_NEAR(got[0], (50 + 70 + 20 + 200) / 4.0, 1e-4);
}

}  // namespace
}  // namespace hadal::kernels
