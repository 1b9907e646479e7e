#include "kernels/packed_index_scores.h"

#include <gtest/gtest.h>

#include "kernels/block_quant.h"
#include "kernels/index_scores.h"
#include "kernels/test_support.h"
#include "testing/close.h"

namespace hadal::kernels {
namespace {

using testing::AllClose;
using testing::SameBits;

// Keys as stored, and what they decode to.
struct StoredKeys {
  std::size_t dim;
  std::vector<float> values;
  std::vector<std::byte> bytes;
  StoredKeys(std::vector<float> keys, std::size_t dim_)
      : dim(dim_), values(std::move(keys)), bytes(count() * IndexKeyBytes(dim)) {
    for (std::size_t j = 0; j < count(); ++j) {
      const std::span<float> key = std::span(values).subspan(j * dim, dim);
      const std::span<std::byte> entry = std::span(bytes).subspan(j * each(), each());
      EncodeIndexKey(key, entry);
      DecodeIndexKey(entry, key);
    }
  }
  std::size_t count() const { return values.size() / dim; }
  std::size_t each() const { return IndexKeyBytes(dim); }
};

struct PackedQuery {
  std::size_t heads, dim;
  std::vector<float> memory;
  PackedQuery(const std::vector<float>& q, const std::vector<float>& w)
      : heads(w.size()), dim(q.size() / heads), memory(PackedIndexQueryBytes(heads, dim) / 4 + 1) {
    PackIndexQuery(AsRows(q, heads, dim), w, reinterpret_cast<std::byte*>(memory.data()));
  }
  void Score(const std::byte* keys, std::span<float> score) const {
    const std::size_t bytes = PackedIndexQueryBytes(heads, dim);
    PackedIndexScores({reinterpret_cast<const std::byte*>(memory.data()), 1, bytes}, heads, dim,
                      keys, {score.data(), 1, score.size()});
  }
};

TEST(PackedIndexScores, MatchTheReferenceOnEveryIsa) {
  for (const std::size_t dim : {32, 96, 128, 1024})
    for (const std::size_t heads : {1, 5, 64}) {
      const std::size_t count = 37;
      const std::vector<float> q = RandomNormals(heads * dim, 1), w = RandomNormals(heads, 3);
      const StoredKeys keys(RandomNormals(count * dim, 2), dim);
      std::vector<float> want(count), rounded = q;
      ref::PackedIndexScores(AsRows(q, heads, dim), w, keys.bytes.data(), want);
      RoundFp4(rounded);
      const double steps = static_cast<double>(heads) + static_cast<double>(dim) / 32 + 3;
      std::vector<double> bound(count);
      for (std::size_t j = 0; j < count; ++j)
        for (std::size_t i = 0; i < heads * dim; ++i)
          bound[j] += steps * 0x1p-24 *
                      std::fabs(double{w[i / dim]} * rounded[i] * keys.values[j * dim + i % dim]);
      const PackedQuery packed(q, w);
      OnEveryIsa([&](Isa isa) {
        Guarded got(count);
        packed.Score(keys.bytes.data(), got.span());
        EXPECT_TRUE(got.Intact());
        EXPECT_TRUE(
            AllClose(InBounds(got.span(), want, bound), std::vector<float>(count), {.abs = 1}))
            << IsaName(isa) << " " << dim << " " << heads;
      });
    }
}

void Scale(std::vector<float>& values, std::size_t begin, std::size_t end, float factor) {
  for (std::size_t i = begin; i < end; ++i) values[i] *= factor;
}

// FP4 products are exact, and these scales are close to each other: the float kernel's result.
TEST(PackedIndexScores, AreTheScoresOfTheRoundedQueriesAndKeys) {
  for (const std::size_t dim : {64, 128, 160})
    for (const std::size_t heads : {4, 6, 64})
      for (const std::size_t count : {1, 31, 32, 75}) {
        const std::vector<float> w = RandomNormals(heads, 3);
        std::vector<float> q = RandomNormals(heads * dim, 1);
        const StoredKeys keys(RandomNormals(count * dim, 2), dim);
        const PackedQuery packed(q, w);
        RoundFp4(q);
        OnEveryIsa([&](Isa isa) {
          Guarded want(count), got(count);
          IndexScores(AsRows(q, heads, dim), w, AsRows(keys.values, count, dim), Rounding::kNone,
                      want.span());
          packed.Score(keys.bytes.data(), got.span());
          EXPECT_TRUE(got.Intact());
          for (std::size_t j = 0; j < count; ++j)
            EXPECT_EQ(got.span()[j], want.span()[j]) << IsaName(isa) << " " << dim << " " << j;
        });
      }
}

// Every second key has a block far above the others: they cannot be folded, nor can their
// neighbours in a tile, which get the same bits as among keys that can.
TEST(PackedIndexScores, OfAKeyDoNotDependOnItsNeighbours) {
  const std::size_t dim = 128, heads = 64, count = 64;
  const PackedQuery query(RandomNormals(heads * dim, 1), RandomNormals(heads, 3));
  std::vector<float> even = RandomNormals(count * dim, 2), mixed = even;
  for (std::size_t j = 1; j < count; j += 2)
    Scale(mixed, j * dim + 32 * (j % 4), j * dim + 32 * (j % 4) + 32,
          j % 8 < 4 ? 0x1p9f : 0x1p-60f);
  const StoredKeys folded(even, dim), unfolded(mixed, dim);
  std::vector<float> first;
  OnEveryIsa([&](Isa isa) {
    std::vector<float> a(count), b(count), alone(count);
    query.Score(folded.bytes.data(), a);
    query.Score(unfolded.bytes.data(), b);
    for (std::size_t j = 0; j < count; ++j)
      query.Score(unfolded.bytes.data() + j * unfolded.each(), {&alone[j], 1});
    EXPECT_TRUE(SameBits(b, alone)) << IsaName(isa);
    for (std::size_t j = 0; j < count; j += 2) EXPECT_EQ(a[j], b[j]) << IsaName(isa) << " " << j;
    for (std::size_t j = 1; j < count; j += 2) EXPECT_NE(a[j], b[j]) << IsaName(isa) << " " << j;
    if (IsFirstSimd(isa)) first = b;
    EXPECT_TRUE(isa == Isa::kRef || SameBits(b, first)) << IsaName(isa);
  });
}

// Of rows together: each one's alone, also beside one whose query cannot be folded.
TEST(PackedIndexScores, OfARowDoNotDependOnTheOthers) {
  const std::size_t dim = 64, heads = 4, count = 45, rows = 19, stride = count + 3;
  const StoredKeys keys(RandomNormals(count * dim, 2), dim);
  std::vector<float> q = RandomNormals(rows * heads * dim, 1);
  const std::vector<float> w = RandomNormals(rows * heads, 3);
  Scale(q, 5 * heads * dim, 5 * heads * dim + 32, 0x1p20f);
  const std::size_t bytes = PackedIndexQueryBytes(heads, dim);
  std::vector<float> memory(rows * bytes / 4);
  const View2<std::byte> packed(reinterpret_cast<std::byte*>(memory.data()), rows, bytes);
  Threads one(1);
  PackIndexQueries(AsRows(q, rows, heads * dim), AsRows(w, rows, heads), packed, one);
  OnEveryIsa([&](Isa isa) {
    std::vector<float> together(rows * stride, -1), alone(count);
    PackedIndexScores(packed, heads, dim, keys.bytes.data(),
                      {together.data(), rows, count, stride});
    for (std::size_t t = 0; t < rows; ++t) {
      PackedIndexScores(packed.Rows(t, 1), heads, dim, keys.bytes.data(), {alone.data(), 1, count});
      EXPECT_TRUE(SameBits(std::span(together).subspan(t * stride, count), alone))
          << IsaName(isa) << " " << t;
      for (std::size_t j = count; j < stride; ++j) EXPECT_EQ(together[t * stride + j], -1);
    }
  });
}

// At the limits of what folds the products are largest; behind them the query goes the other way.
TEST(PackedIndexScores, AreRightWhateverTheScales) {
  const std::size_t dim = 128, heads = 8, count = 40;
  for (const float step : {1.0f, 2.0f, 4.0f, 8.0f, 16.0f, 0x1p20f, 0x1p-30f})
    for (const float weight : {1.0f, 0.0f, 0x1p-41f, 0x1p41f}) {
      std::vector<float> q(heads * dim), keys(count * dim), w = RandomNormals(heads, 3);
      Random random(1);
      for (float& v : q) v = random.Below(2) == 0 ? 6.0f : -6.0f;
      for (float& v : keys) v = random.Below(2) == 0 ? 6.0f : -6.0f;
      for (std::size_t h = 0; h < heads; ++h) Scale(q, h * dim + 32, h * dim + 64, step);
      for (std::size_t j = 0; j < count; ++j) Scale(keys, j * dim + 32, j * dim + 64, step);
      w[2] = weight;
      const StoredKeys stored(keys, dim);
      const PackedQuery query(q, w);
      std::vector<float> want(count);
      ref::PackedIndexScores(AsRows(q, heads, dim), w, stored.bytes.data(), want);
      OnEveryIsa([&](Isa isa) {
        Guarded got(count);
        query.Score(stored.bytes.data(), got.span());
        float size = 0;
        for (float v : want) size = std::max(size, std::fabs(v));
        EXPECT_TRUE(AllClose(got.span(), want, {.rel = 1e-5, .abs = 1e-6 * size}))
            << IsaName(isa) << " " << step << " " << weight;
      });
    }
}

TEST(PackedIndexScores, OfAQueryThatIsNotANumberAreNot) {
  const std::size_t dim = 64, heads = 4;
  std::vector<float> q = RandomNormals(heads * dim, 1);
  q[70] = kNan;
  const StoredKeys keys(RandomNormals(3 * dim, 2), dim);
  const PackedQuery query(q, RandomNormals(heads, 3));
  OnEveryIsa([&](Isa isa) {
    std::vector<float> score(3);
    query.Score(keys.bytes.data(), score);
    for (float v : score) EXPECT_TRUE(std::isnan(v)) << IsaName(isa);
  });
}

}  // namespace
}  // namespace hadal::kernels
