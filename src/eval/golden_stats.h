// How far two sets of rows are apart: the error measures of the golden data.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

namespace hadal::eval {

struct Spread {
  double median = 0, p95 = 0, max = 0;
};

// Percentiles interpolate linearly between order statistics. No values: zeros. A NaN counts as
// infinity.
Spread SpreadOf(std::vector<double> values);

// ||got - want|| / ||want|| of each row of `width`; infinity where anything is not finite.
std::vector<double> RowErrors(std::span<const float> got, std::span<const float> want,
                              std::size_t width);

// Kullback-Leibler divergence sum_v p_v ln(p_v / q_v), nats, of the softmax of each row of logits:
// p of `want`, q of `got`.
std::vector<double> RowDivergences(std::span<const float> got, std::span<const float> want,
                                   std::size_t width);

// The share of rows whose largest element has the same index.
double TopOneAgreement(std::span<const float> got, std::span<const float> want, std::size_t width);

double Mean(std::span<const double> values);  // of none: 0

}  // namespace hadal::eval
