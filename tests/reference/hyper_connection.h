// Manifold-constrained hyper-connections: four residual streams around every sub-layer.
//
//   m = (fn . f) * rsqrt(mean(f^2) + norm_eps),  f = the four streams, one after another
//   pre_j = sigmoid(m_j s0 + b_j) + eps;  post_j = 2 sigmoid(m_{4+j} s1 + b_{4+j})
//   comb  = Sinkhorn(m_{8+4i+j} s2 + b_{8+4i+j}):  [source i][destination j]
//   x = sum_j pre_j X_j;  X'_j = post_j o + sum_i comb_ij X_i
#pragma once
#include <array>

#include "reference/rules.h"
#include "reference/weights.h"

namespace hadal::reference {

inline constexpr std::size_t kStreams = 4;

struct Mixing {
  std::array<double, kStreams> pre, post;
  std::array<std::array<double, kStreams>, kStreams> comb;
};

// f: [4 dim].
Mixing Mix(const HyperConnection& hc, const Row& f, const Config& config, const Rules& rules);
Row ReduceStreams(const Row& f, const std::array<double, kStreams>& pre, const Rounding& round);
Row ExpandStreams(const Row& f, const Row& output, const Mixing& mix, const Rounding& round);
// The output head's reduction.
Row ReduceForHead(const HyperConnection& head, const Row& f, const Config& config,
                  const Rules& rules, const Rounding& round);

}  // namespace hadal::reference
