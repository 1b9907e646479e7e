#include "kernels/swiglu.h"

#include "kernels/test_support.h"
#include "testing/close.h"

namespace hadal::kernels {
namespace {

using testing::AllClose;
using testing::SameBits;

constexpr double kBound = 4e-7;

TEST(SwiGlu, MatchesTheReferenceAndItselfOnEveryIsa) {
  for (std::size_t inter : {1u, 15u, 16u, 17u, 31u, 32u, 33u, 448u, 2048u, 20000u})
    for (float size : {0.01f, 1.0f, 10.0f})
      for (float limit : {1.5f, 10.0f}) {
        const std::vector<float> gate = RandomNormals(inter, 1, size),
                                 up = RandomNormals(inter, 2, size);
        std::vector<float> want(inter), first;
        ref::SwiGlu(gate, up, limit, 0.37f, want);
        OnEveryIsa([&](Isa isa) {
          Guarded h(inter);
          SwiGlu(gate, up, limit, 0.37f, h.span());
          EXPECT_TRUE(AllClose(h.span(), want, {.rel = kBound})) << IsaName(isa) << " " << inter;
          EXPECT_TRUE(h.Intact());
          Guarded over_gate(gate), over_up(up);
          SwiGlu(over_gate.span(), up, limit, 0.37f, over_gate.span());
          SwiGlu(gate, over_up.span(), limit, 0.37f, over_up.span());
          EXPECT_TRUE(SameBits(over_gate.span(), h.span()) && SameBits(over_up.span(), h.span()));
          if (IsFirstSimd(isa)) first.assign(h.span().begin(), h.span().end());
          EXPECT_TRUE(isa == Isa::kRef || SameBits(h.span(), first)) << IsaName(isa);
        });
      }
}

// The exponential through the one kernel that shows it: silu(g) for g over its whole range.
TEST(SwiGlu, WholeRangeOfTheGate) {
  std::vector<float> gate;
  for (float g = -87; g < 95; g += 0.001f) gate.push_back(g);
  const std::vector<float> up(gate.size(), 1.0f);
  std::vector<float> want(gate.size());
  ref::SwiGlu(gate, up, 100, 1, want);
  OnEveryIsa([&](Isa isa) {
    std::vector<float> h(gate.size(), kNan);
    SwiGlu(gate, up, 100, 1, h);
    EXPECT_TRUE(AllClose(h, want, {.rel = kBound})) << IsaName(isa);
  });
}

TEST(SwiGlu, ExtremesAndNan) {
  const std::vector<float> gate = {-kInf, kInf, kNan, 1, -1000, -95, 0, -0.0f};
  const std::vector<float> up = {1, kInf, 1, kNan, 1, 1, -kInf, 2};
  std::vector<float> want(8);
  ref::SwiGlu(gate, up, 10, 1, want);
  OnEveryIsa([&](Isa isa) {
    std::vector<float> h(8, 7.0f);
    SwiGlu(gate, up, 10, 1, h);
    EXPECT_TRUE(AllClose(std::span(h).subspan(1), std::span(want).subspan(1),
                         {.rel = kBound, .abs = 1e-37}))
        << IsaName(isa);
    EXPECT_TRUE(std::isnan(h[2]) && std::isnan(h[3]));
  });
}

TEST(SwiGlu, AMissingClampIsSeen) {  // negative control
  const std::vector<float> gate = RandomNormals(64, 1), up = RandomNormals(64, 2);
  std::vector<float> want(64), got(64);
  ref::SwiGlu(gate, up, 1.5f, 1, want);
  SwiGlu(gate, up, 1.6f, 1, got);
  EXPECT_FALSE(AllClose(got, want, {.rel = kBound}));
}

}  // namespace
}  // namespace hadal::kernels
