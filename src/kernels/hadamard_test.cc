#include "kernels/hadamard.h"

#include <algorithm>

#include "kernels/test_support.h"
#include "testing/close.h"

namespace hadal::kernels {
namespace {

using testing::AllClose;
using testing::SameBits;

std::vector<float> ByTheFormula(std::vector<float> x) {
  ref::Hadamard(x);
  return x;
}

double Bound(std::span<const float> want) {
  float largest = 0;
  for (float v : want) largest = std::max(largest, std::fabs(v));
  return (std::log2(static_cast<double>(want.size())) + 2) * 0x1p-23 * double{largest};
}

TEST(Hadamard, MatchesTheFormulaWithTheSameBitsOnEveryIsa) {
  for (std::size_t n = 1; n <= 1024; n *= 2) {
    const std::vector<float> x = RandomNormals(n, n), want = ByTheFormula(x);
    std::vector<float> first;
    OnEveryIsa([&](Isa isa) {
      Guarded y(x);
      Hadamard(y.span());
      EXPECT_TRUE(AllClose(y.span(), want, {.abs = Bound(want)})) << IsaName(isa) << " " << n;
      EXPECT_TRUE(y.Intact());
      if (isa == Isa::kRef) first.assign(y.span().begin(), y.span().end());
      EXPECT_TRUE(SameBits(y.span(), first)) << IsaName(isa) << " " << n;
    });
  }
}

TEST(Hadamard, TheReferenceIsTheTransformOfTwo) {
  std::vector<float> x = {3, 1, -2, 5};
  ref::Hadamard(x);
  EXPECT_EQ(x, (std::vector<float>{3.5, -2.5, 0.5, 4.5}));
}

TEST(Hadamard, TwoElementsSwappedAreSeen) {  // negative control
  std::vector<float> x = RandomNormals(64, 1);
  const std::vector<float> want = ByTheFormula(x);
  std::swap(x[5], x[6]);
  Hadamard(x);
  EXPECT_FALSE(AllClose(x, want, {.abs = Bound(want)}));
}

}  // namespace
}  // namespace hadal::kernels
