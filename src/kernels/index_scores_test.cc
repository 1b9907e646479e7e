#include "kernels/index_scores.h"

#include <algorithm>

#include "kernels/block_quant.h"
#include "kernels/test_support.h"
#include "tensor/codec.h"
#include "testing/close.h"

namespace hadal::kernels {
namespace {

using testing::AllClose;
using testing::SameBits;

struct Scored {
  std::vector<float> want;
  std::vector<double> bounds;  // (heads + dim/16 + 8) 2^-24 sum_h |w_h| sum |q k|
};

Scored ByTheReference(View2<const float> q, std::span<const float> w, View2<const float> keys) {
  Scored scored{std::vector<float>(keys.rows()), {}};
  ref::IndexScores(q, w, keys, Rounding::kNone, scored.want);
  const double steps = static_cast<double>(q.rows()) + static_cast<double>(q.cols()) / 16 + 8;
  for (std::size_t j = 0; j < keys.rows(); ++j) {
    double size = 0;
    for (std::size_t h = 0; h < q.rows(); ++h)
      for (std::size_t d = 0; d < q.cols(); ++d)
        size += std::fabs(double{w[h]} * q[h][d] * keys[j][d]);
    scored.bounds.push_back(steps * 0x1p-24 * size);
  }
  return scored;
}

TEST(IndexScores, TheReferenceIsTheFormula) {
  const std::vector<float> q = {1, 2, -1, 0}, w = {10, -1}, keys = {3, 4, -5, 1};
  std::vector<float> score(2);
  ref::IndexScores(AsRows(q, 2, 2), w, AsRows(keys, 2, 2), Rounding::kNone, score);
  EXPECT_EQ(score, (std::vector<float>{110, -5}));  // 10 * 11 - 0; 0 - 5
}

TEST(IndexScores, MatchTheReferenceOnEveryIsa) {
  for (std::size_t dim : {1u, 16u, 17u, 33u, 64u, 128u})
    for (std::size_t heads : {1u, 4u, 5u, 64u})
      for (std::size_t count : {0u, 1u, 3u, 4u, 5u, 15u, 16u, 17u, 50u}) {
        const std::vector<float> q = RandomNormals(heads * dim, 1), w = RandomNormals(heads, 2),
                                 keys = RandomNormals(count * dim, 3);
        const View2<const float> qs = AsRows(q, heads, dim), ks = AsRows(keys, count, dim);
        const Scored scored = ByTheReference(qs, w, ks);
        const std::vector<float> zeros(count);
        std::vector<float> first;
        OnEveryIsa([&](Isa isa) {
          Guarded score(count);
          IndexScores(qs, w, ks, Rounding::kNone, score.span());
          EXPECT_TRUE(
              AllClose(InBounds(score.span(), scored.want, scored.bounds), zeros, {.abs = 1}))
              << IsaName(isa) << " " << heads << " " << count << " " << dim;
          EXPECT_TRUE(score.Intact());
          if (IsFirstSimd(isa)) first.assign(score.span().begin(), score.span().end());
          EXPECT_TRUE(isa == Isa::kRef || SameBits(score.span(), first));
        });
        for (std::size_t j = 0; j < count; ++j) {  // a key's score depends on that key alone
          float alone = kNan;
          IndexScores(qs, w, ks.Rows(j, 1), Rounding::kNone, {&alone, 1});
          if (!first.empty()) {
            EXPECT_EQ(alone, first[j]);
          }
        }
      }
}

// FP4 values times FP4 values sum exactly in float32, so the rounded scores have no slack but the
// order of the final sum.
TEST(IndexScores, Bf16RoundsEveryStep) {
  const std::size_t heads = 64, dim = 128, count = 37;
  std::vector<float> q = RandomNormals(heads * dim, 1), keys = RandomNormals(count * dim, 3);
  for (float& v : q) v = E2m1ToF32(F32ToE2m1(v));
  for (float& v : keys) v = E2m1ToF32(F32ToE2m1(v));
  std::vector<float> w = RandomNormals(heads, 2);
  for (float& v : w) v = RoundToBf16(v);
  std::vector<float> want(count), plain(count), first;
  ref::IndexScores(AsRows(q, heads, dim), w, AsRows(keys, count, dim), Rounding::kBf16, want);
  ref::IndexScores(AsRows(q, heads, dim), w, AsRows(keys, count, dim), Rounding::kNone, plain);
  EXPECT_FALSE(AllClose(want, plain, {.rel = 1e-4}));
  OnEveryIsa([&](Isa isa) {
    Guarded score(count);
    IndexScores(AsRows(q, heads, dim), w, AsRows(keys, count, dim), Rounding::kBf16, score.span());
    EXPECT_TRUE(AllClose(score.span(), want, {.rel = 0x1p-8, .abs = 1e-4})) << IsaName(isa);
    std::size_t same = 0;
    for (std::size_t j = 0; j < count; ++j) same += score.span()[j] == want[j] ? 1 : 0;
    EXPECT_GE(same * 10, count * 9) << IsaName(isa);
    if (IsFirstSimd(isa)) first.assign(score.span().begin(), score.span().end());
    EXPECT_TRUE(isa == Isa::kRef || SameBits(score.span(), first));
  });
}

TEST(IndexScores, AMissingHeadIsSeen) {  // negative control
  const std::vector<float> q = RandomNormals(64 * 32, 1), keys = RandomNormals(20 * 32, 3);
  std::vector<float> w = RandomNormals(64, 2), score(20);
  const Scored scored = ByTheReference(AsRows(q, 64, 32), w, AsRows(keys, 20, 32));
  w.back() = 0;
  IndexScores(AsRows(q, 64, 32), w, AsRows(keys, 20, 32), Rounding::kNone, score);
  EXPECT_FALSE(
      AllClose(InBounds(score, scored.want, scored.bounds), std::vector<float>(20), {.abs = 1}));
}

TEST(TopK, KeepsTheBestHoweverTheStreamIsCut) {
  Random random(1);
  for (std::size_t k : {1u, 2u, 8u, 100u, 1000u})
    for (std::size_t count : {0u, 1u, 7u, 100u, 3000u})
      for (std::size_t levels : {2u, 1000000u}) {  // two levels: nearly all are ties
        std::vector<float> scores(count);
        for (float& v : scores) v = static_cast<float>(random.Below(levels)) - 1;
        TopK top(k);
        for (std::size_t cut : {1u, 16u, 64u, 5000u}) {
          top.Reset();
          for (std::size_t i = 0; i < count; i += cut)
            top.Push(static_cast<std::uint32_t>(i),
                     std::span(scores).subspan(i, std::min(cut, count - i)));
          const auto got = top.Finish();
          EXPECT_EQ(std::vector(got.begin(), got.end()), ref::Best(scores, k)) << k << " " << count;
        }
      }
}

TEST(TopK, NanIsTheWorstAndZeroKeepsNothing) {
  const std::vector<float> scores = {kNan, 1, -kInf, kNan, 2, 0, kNan};
  TopK top(3), none(0);
  top.Push(10, scores);
  none.Push(10, scores);
  const auto got = top.Finish();
  EXPECT_EQ(std::vector(got.begin(), got.end()), (std::vector<std::uint32_t>{11, 14, 15}));
  EXPECT_TRUE(none.Finish().empty());
}

TEST(TopK, IsTheSameFromParts) {
  const std::vector<float> scores = RandomNormals(1000, 4);
  TopK whole(37), a(37), b(37);
  whole.Push(0, scores);
  a.Push(0, std::span(scores).first(411));
  b.Push(411, std::span(scores).subspan(411));
  a.Push(b);
  const auto got = a.Finish(), want = whole.Finish();
  EXPECT_TRUE(std::equal(got.begin(), got.end(), want.begin(), want.end()));
}

}  // namespace
}  // namespace hadal::kernels
