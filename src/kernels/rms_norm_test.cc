#include "kernels/rms_norm.h"

#include "kernels/test_support.h"
#include "tensor/codec.h"
#include "testing/close.h"

namespace hadal::kernels {
namespace {

using testing::AllClose;
using testing::SameBits;

constexpr std::size_t kDims[] = {1, 15, 16, 17, 31, 32, 33, 448, 512, 4096, 28672};

// A 16-lane sum of dim non-negative terms errs by at most (dim/16 + 5) half-ulps; the root halves
// that; four roundings follow.
double RelBound(std::size_t dim) { return (static_cast<double>(dim) / 32 + 8) * 0x1p-24; }

TEST(RmsNorm, MatchesTheReferenceAndItselfOnEveryIsa) {
  for (std::size_t dim : kDims)
    for (bool with_gain : {true, false})
      for (float size : {1.0f, 1e-4f}) {  // at 1e-4 eps counts
        const std::vector<float> x = RandomNormals(dim, dim, size);
        const std::vector<float> gain =
            with_gain ? RandomNormals(dim, dim + 1) : std::vector<float>{};
        std::vector<float> want(dim), first;
        ref::RmsNorm(x, gain, 1e-6f, want);
        OnEveryIsa([&](Isa isa) {
          Guarded y(dim);
          RmsNorm(x, gain, 1e-6f, y.span());
          EXPECT_TRUE(AllClose(y.span(), want, {.rel = RelBound(dim)})) << IsaName(isa) << dim;
          EXPECT_TRUE(y.Intact());
          Guarded in_place(x);
          RmsNorm(in_place.span(), gain, 1e-6f, in_place.span());
          EXPECT_TRUE(SameBits(in_place.span(), y.span()));
          if (IsFirstSimd(isa)) first.assign(y.span().begin(), y.span().end());
          EXPECT_TRUE(isa == Isa::kRef || SameBits(y.span(), first)) << IsaName(isa) << dim;
        });
      }
}

TEST(RmsNorm, ScaleAlone) {
  for (std::size_t dim : kDims) {
    const std::vector<float> x = RandomNormals(dim, dim);
    const float want = ref::RmsScale(x, 1e-3f);
    OnEveryIsa([&](Isa isa) {
      EXPECT_NEAR(RmsScale(x, 1e-3f), want, RelBound(dim) * double{want}) << IsaName(isa) << dim;
    });
  }
}

TEST(RmsNorm, AWrongEpsIsSeen) {  // negative control
  const std::vector<float> x = RandomNormals(512, 1, 1e-3f);
  std::vector<float> want(512), got(512);
  ref::RmsNorm(x, {}, 1e-6f, want);
  RmsNorm(x, {}, 1.001e-6f, got);
  EXPECT_FALSE(AllClose(got, want, {.rel = RelBound(512)}));
}

// Step by step, each rounded. The sum's order may move the rounded mean by one step, and that moves
// the scale by one: at most two bfloat16 steps in a product.
TEST(RmsNorm, Bf16StepsAreRoundedOneByOne) {
  for (std::size_t dim : {16u, 17u, 64u, 512u}) {
    std::vector<float> x = RandomNormals(dim, dim, 0.01f);
    for (float& v : x) v = RoundToBf16(v);
    std::vector<float> want = x, first;
    ref::RmsNormBf16Steps(want, 1e-6f);
    OnEveryIsa([&](Isa isa) {
      Guarded y(x);
      RmsNormBf16Steps(y.span(), 1e-6f);
      EXPECT_TRUE(AllClose(y.span(), want, {.rel = 0x1p-6})) << IsaName(isa);
      EXPECT_TRUE(y.Intact());
      for (float v : y.span()) EXPECT_EQ(v, RoundToBf16(v));
      if (IsFirstSimd(isa)) first.assign(y.span().begin(), y.span().end());
      EXPECT_TRUE(isa == Isa::kRef || SameBits(y.span(), first));
    });
  }
}

TEST(RmsNorm, NanReachesTheWholeRow) {
  std::vector<float> x = RandomNormals(40, 1);
  x[39] = kNan;
  OnEveryIsa([&](Isa) {
    std::vector<float> y(40);
    RmsNorm(x, {}, 1e-6f, y);
    for (float v : y) EXPECT_TRUE(std::isnan(v));
  });
}

}  // namespace
}  // namespace hadal::kernels
