#include "kernels/pool.h"

#include <algorithm>

#include "kernels/test_support.h"
#include "testing/close.h"

namespace hadal::kernels {
namespace {

using testing::AllClose;
using testing::SameBits;

// The result is an average: bounded relative to the average of |kv|.
std::vector<double> Bounds(View2<const float> kv, View2<const float> score) {
  std::vector<float> sizes;
  for (std::size_t r = 0; r < kv.rows(); ++r)
    for (float v : kv[r]) sizes.push_back(std::fabs(v));
  std::vector<float> average(kv.cols());
  ref::PoolSoftmax(AsRows(sizes, kv.rows(), kv.cols()), score, average);
  std::vector<double> bounds;
  for (float v : average)
    bounds.push_back((2 * static_cast<double>(kv.rows()) + 16) * 0x1p-24 * double{v});
  return bounds;
}

TEST(PoolSoftmax, MatchesTheReferenceAndItselfOnEveryIsa) {
  for (std::size_t dim : {1u, 15u, 16u, 17u, 31u, 33u, 64u, 128u, 512u})
    for (std::size_t candidates : {1u, 4u, 8u, 128u}) {
      const std::vector<float> kv = RandomNormals(candidates * dim, 1);
      const std::vector<float> score = RandomNormals(candidates * dim, 2, 3);
      const View2<const float> kvs = AsRows(kv, candidates, dim),
                               scores = AsRows(score, candidates, dim);
      std::vector<float> want(dim), first;
      ref::PoolSoftmax(kvs, scores, want);
      const std::vector<double> bounds = Bounds(kvs, scores);
      OnEveryIsa([&](Isa isa) {
        Guarded y(dim);
        PoolSoftmax(kvs, scores, y.span());
        EXPECT_TRUE(AllClose(InBounds(y.span(), want, bounds), std::vector<float>(dim), {.abs = 1}))
            << IsaName(isa) << " " << dim << " " << candidates;
        EXPECT_TRUE(y.Intact());
        if (IsFirstSimd(isa)) first.assign(y.span().begin(), y.span().end());
        EXPECT_TRUE(isa == Isa::kRef || SameBits(y.span(), first)) << IsaName(isa);
      });
    }
}

TEST(PoolSoftmax, AnAbsentCandidateWeighsNothing) {
  const std::size_t dim = 40;
  std::vector<float> kv = RandomNormals(8 * dim, 1), score = RandomNormals(8 * dim, 2);
  std::fill_n(score.begin(), 4 * dim, -kInf);
  OnEveryIsa([&](Isa isa) {
    std::vector<float> with(dim, kNan), without(dim, kNan);
    PoolSoftmax(AsRows(kv, 8, dim), AsRows(score, 8, dim), with);
    PoolSoftmax(AsRows(kv, 8, dim).Rows(4, 4), AsRows(score, 8, dim).Rows(4, 4), without);
    EXPECT_TRUE(SameBits(with, without)) << IsaName(isa);
  });
}

TEST(PoolSoftmax, AMissingCandidateIsSeen) {  // negative control
  const std::vector<float> kv = RandomNormals(8 * 32, 1), score = RandomNormals(8 * 32, 2);
  std::vector<float> want(32), got(32);
  ref::PoolSoftmax(AsRows(kv, 8, 32), AsRows(score, 8, 32), want);
  PoolSoftmax(AsRows(kv, 7, 32), AsRows(score, 7, 32), got);
  EXPECT_FALSE(AllClose(InBounds(got, want, Bounds(AsRows(kv, 8, 32), AsRows(score, 8, 32))),
                        std::vector<float>(32), {.abs = 1}));
}

}  // namespace
}  // namespace hadal::kernels
