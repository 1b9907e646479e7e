#include "kernels/attention.h"

#include <algorithm>

#include "kernels/test_support.h"
#include "testing/close.h"

namespace hadal::kernels {
namespace {

using testing::AllClose;
using testing::SameBits;

struct Case {
  std::size_t heads, entries, dim;
  std::vector<float> q = RandomNormals(heads * dim, heads + dim);
  std::vector<float> kv = RandomNormals(entries * dim, entries + dim);
  std::vector<float> sink = RandomNormals(heads, 7);
  float scale = 1 / std::sqrt(static_cast<float>(dim));

  View2<const float> Q() const { return AsRows(q, heads, dim); }
  View2<const float> Kv() const { return AsRows(kv, entries, dim); }

  std::vector<float> Reference() const {
    std::vector<float> out(heads * dim);
    ref::Attend(Q(), Kv(), scale, sink, {out.data(), heads, dim});
    return out;
  }

  // Relative to sum_j p_j |kv_j|: (entries + dim/16 + 32) 2^-24. The logits' own error enters too:
  // their products have (dim/16 + 8) 2^-24 of sum |q k|, and e^z turns that into a relative error.
  std::vector<double> Bounds() const {
    std::vector<double> bounds(heads * dim);
    std::vector<double> z(entries);
    for (std::size_t h = 0; h < heads; ++h) {
      double top = sink[h], logit_error = 0;
      for (std::size_t j = 0; j < entries; ++j) {
        double dot = 0, size = 0;
        for (std::size_t d = 0; d < dim; ++d) {
          dot += double{Q()[h][d]} * Kv()[j][d];
          size += std::fabs(double{Q()[h][d]} * Kv()[j][d]);
        }
        z[j] = dot * double{scale};
        top = std::max(top, z[j]);
        logit_error = std::max(logit_error, size * double{scale});
      }
      double sum = std::exp(double{sink[h]} - top);
      for (double& v : z) sum += v = std::exp(v - top);
      const double steps = static_cast<double>(entries) + static_cast<double>(dim) / 16 + 32;
      const double relative = (steps + logit_error) * 0x1p-24;
      for (std::size_t d = 0; d < dim; ++d) {
        double weighted = 0;
        for (std::size_t j = 0; j < entries; ++j) weighted += z[j] * std::fabs(double{Kv()[j][d]});
        bounds[h * dim + d] = relative * weighted / sum;
      }
    }
    return bounds;
  }

  std::vector<float> Run(std::size_t tile) const {
    Guarded max(heads), sum(heads), weighted(heads * dim), out(heads * dim);
    AttentionState state{max.span(), sum.span(), weighted.As(heads, dim)};
    AttendBegin(state);
    for (std::size_t j = 0; j < entries; j += tile)
      AttendTile(Q(), Kv().Rows(j, std::min(tile, entries - j)), scale, state);
    AttendEnd(sink, state, out.As(heads, dim));
    EXPECT_TRUE(max.Intact() && sum.Intact() && weighted.Intact() && out.Intact());
    return {out.span().begin(), out.span().end()};
  }
};

void CheckCase(const Case& c, std::size_t tile) {
  SCOPED_TRACE(std::to_string(c.heads) + " heads, " + std::to_string(c.entries) + " entries, dim " +
               std::to_string(c.dim) + ", tile " + std::to_string(tile));
  const std::vector<float> want = c.Reference(), zeros(want.size());
  const std::vector<double> bounds = c.Bounds();
  std::vector<float> first;
  OnEveryIsa([&](Isa isa) {
    const std::vector<float> got = c.Run(tile);
    EXPECT_TRUE(AllClose(InBounds(got, want, bounds), zeros, {.abs = 1})) << IsaName(isa);
    if (IsFirstSimd(isa)) first = got;
    EXPECT_TRUE(isa == Isa::kRef || SameBits(got, first)) << IsaName(isa);
  });
}

TEST(Attention, MatchesTheReferenceAndItselfOnEveryIsa) {
  for (std::size_t dim : {1u, 15u, 16u, 17u, 31u, 32u, 33u, 96u, 448u, 512u})
    for (std::size_t heads : {1u, 3u, 4u, 5u})
      for (std::size_t entries : {1u, 2u, 5u, 63u, 64u, 65u, 200u}) {
        const Case c{heads, entries, dim};
        CheckCase(c, kAttentionTile);
      }
  CheckCase({64, 640, 512}, kAttentionTile);
  CheckCase({8, 100, 128}, 16);
  CheckCase({8, 100, 128}, 7);
}

TEST(Attention, LogitsOfAnySize) {
  for (float size : {0.0f, 30.0f, 3000.0f}) {  // e^3000 overflows unless the maximum is subtracted
    Case c{5, 150, 64};
    for (float& v : c.q) v *= size;
    const std::vector<float> want = c.Reference();
    OnEveryIsa([&](Isa isa) {
      EXPECT_TRUE(AllClose(c.Run(64), want, {.rel = 2e-3, .abs = 2e-3})) << IsaName(isa) << size;
    });
  }
}

TEST(Attention, SinkOfAnySize) {
  for (float sink : {-kInf, -100.0f, 0.0f, 100.0f}) {
    Case c{3, 10, 32};
    std::ranges::fill(c.sink, sink);
    const std::vector<float> want = c.Reference();
    OnEveryIsa([&](Isa isa) {
      EXPECT_TRUE(AllClose(c.Run(4), want, {.rel = 1e-4, .abs = 1e-6})) << IsaName(isa) << sink;
    });
  }
}

TEST(Attention, AHeadDependsOnItselfAlone) {
  const Case c{9, 130, 80};
  OnEveryIsa([&](Isa isa) {
    const std::vector<float> all = c.Run(64);
    for (std::size_t h = 0; h < c.heads; ++h) {
      Case one{1, 130, 80};
      one.kv = c.kv;
      one.q.assign(c.Q()[h].begin(), c.Q()[h].end());
      one.sink = {c.sink[h]};
      EXPECT_TRUE(SameBits(one.Run(64), std::span(all).subspan(h * 80, 80))) << IsaName(isa) << h;
    }
  });
}

TEST(Attention, AMissingEntryIsSeen) {  // negative control
  Case c{2, 100, 64};
  const std::vector<float> want = c.Reference(), zeros(want.size());
  const std::vector<double> bounds = c.Bounds();
  c.entries = 99;
  EXPECT_FALSE(AllClose(InBounds(c.Run(64), want, bounds), zeros, {.abs = 1}));
}

}  // namespace
}  // namespace hadal::kernels
