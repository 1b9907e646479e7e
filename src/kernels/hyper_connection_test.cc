#include "kernels/hyper_connection.h"

#include <algorithm>

#include "kernels/test_support.h"
#include "testing/close.h"

namespace hadal::kernels {
namespace {

using testing::AllClose;
using testing::SameBits;

constexpr std::size_t kDims[] = {1, 15, 16, 17, 31, 32, 33, 448, 512, 4096};
constexpr double kStep = 0x1p-24;

HcWeights RandomWeights() {
  const std::vector<float> mixes = RandomNormals(kHcMixes, 1), base = RandomNormals(kHcMixes, 2);
  return HcSplit(mixes, std::vector<float>{1, 1, 1}, base, 20, 1e-6f);
}

TEST(HyperConnection, SplitGivesNormalisedMixes) {
  const HcWeights w = RandomWeights();
  for (std::size_t j = 0; j < kStreams; ++j) {
    EXPECT_GT(w.pre[j], 0);
    EXPECT_LT(w.post[j], 2);
    // Columns come last: what a destination takes from the sources adds up to one.
    EXPECT_NEAR(w.comb[0][j] + w.comb[1][j] + w.comb[2][j] + w.comb[3][j], 1, 1e-5);
    EXPECT_NEAR(w.comb[j][0] + w.comb[j][1] + w.comb[j][2] + w.comb[j][3], 1, 1e-2);
  }
}

TEST(HyperConnection, SplitReadsItsGroupsInOrder) {
  std::vector<float> mixes(kHcMixes, 0.0f), base(kHcMixes, 0.0f);
  base[1] = 100;            // pre[1] -> 1
  base[4 + 2] = 100;        // post[2] -> 2
  base[8 + 4 * 3 + 0] = 5;  // comb[3][0]
  const HcWeights w = HcSplit(mixes, std::vector<float>{1, 1, 1}, base, 1, 1e-6f);
  EXPECT_FLOAT_EQ(w.pre[1], 1.000001f);
  EXPECT_FLOAT_EQ(w.pre[0], 0.500001f);
  EXPECT_FLOAT_EQ(w.post[2], 2);
  EXPECT_FLOAT_EQ(w.post[3], 1);
  EXPECT_GT(w.comb[3][0], 0.5f);
  EXPECT_LT(w.comb[0][3], 0.5f);
  // Scales reach their own group only.
  std::ranges::fill(mixes, 1.0f);
  const std::vector<float> zero(kHcMixes, 0.0f);
  const HcWeights scaled = HcSplit(mixes, std::vector<float>{100, 0, 0}, zero, 1, 1e-6f);
  EXPECT_FLOAT_EQ(scaled.pre[0], 1.000001f);
  EXPECT_FLOAT_EQ(scaled.post[0], 1);
}

TEST(HyperConnection, HeadWeights) {
  const std::vector<float> mixes = {0, 1, -1, 100}, base = {0, 0, 1, 0};
  std::vector<float> weights(4, kNan);
  HcHeadWeights(mixes, 2, base, 0.25f, weights);
  EXPECT_TRUE(
      AllClose(weights, std::vector<float>{0.75f, 1.1307971f, 0.51894142f, 1.25f}, {.rel = 1e-6}));
}

TEST(HyperConnection, ReduceAndExpandAsTheReferenceWithTheSameBitsOnEveryIsa) {
  const HcWeights w = RandomWeights();
  for (std::size_t dim : kDims) {
    const std::vector<float> x = RandomNormals(4 * dim, dim), out = RandomNormals(dim, 5);
    std::vector<float> reduced(dim), expanded = x, first_y, first_x;
    ref::HcReduce(AsRows(x, 4, dim), w.pre, reduced);
    ref::HcExpand(w, out, {expanded.data(), 4, dim});
    std::vector<double> reduce_bound(dim), expand_bound(4 * dim);
    for (std::size_t d = 0; d < dim; ++d)
      for (std::size_t j = 0; j < 4; ++j) {
        reduce_bound[d] += 5 * kStep * std::fabs(double{w.pre[j]} * x[j * dim + d]);
        double size = std::fabs(double{w.post[j]} * out[d]);
        for (std::size_t i = 0; i < 4; ++i)
          size += std::fabs(double{w.comb[i][j]} * x[i * dim + d]);
        expand_bound[j * dim + d] = 6 * kStep * size;
      }
    OnEveryIsa([&](Isa isa) {
      Guarded y(dim), streams(x);
      HcReduce(AsRows(x, 4, dim), w.pre, y.span());
      HcExpand(w, out, streams.As(4, dim));
      EXPECT_TRUE(
          AllClose(InBounds(y.span(), reduced, reduce_bound), std::vector<float>(dim), {.abs = 1}))
          << IsaName(isa) << dim;
      EXPECT_TRUE(AllClose(InBounds(streams.span(), expanded, expand_bound),
                           std::vector<float>(4 * dim), {.abs = 1}))
          << IsaName(isa) << dim;
      EXPECT_TRUE(y.Intact() && streams.Intact());
      if (isa == Isa::kRef) {
        first_y.assign(y.span().begin(), y.span().end());
        first_x.assign(streams.span().begin(), streams.span().end());
      }
      EXPECT_TRUE(SameBits(y.span(), first_y) && SameBits(streams.span(), first_x)) << IsaName(isa);
    });
  }
}

TEST(HyperConnection, TheReferenceIsTheFormula) {
  HcWeights w = {.pre = {1, 2, 3, 4}, .post = {1, 0, 0, 10}, .comb = {}};
  w.comb[0][1] = 1;    // stream 1 becomes stream 0
  w.comb[3][3] = 0.5;  // stream 3 keeps half of itself
  std::vector<float> x = {1, 10, 100, 1000}, y(1);
  ref::HcReduce(AsRows(x, 4, 1), w.pre, y);
  EXPECT_EQ(y[0], 4321);
  ref::HcExpand(w, std::vector<float>{7}, {x.data(), 4, 1});
  EXPECT_EQ(x, (std::vector<float>{7, 1, 0, 570}));
}

TEST(HyperConnection, SourceAndDestinationAreToldApart) {  // negative control
  HcWeights w = RandomWeights();
  const std::vector<float> out = RandomNormals(16, 5);
  std::vector<float> a = RandomNormals(64, 1), b = a;
  HcExpand(w, out, {a.data(), 4, 16});
  std::swap(w.comb[1][2], w.comb[2][1]);
  HcExpand(w, out, {b.data(), 4, 16});
  EXPECT_FALSE(AllClose(a, b, {.rel = 1e-3}));
}

}  // namespace
}  // namespace hadal::kernels
