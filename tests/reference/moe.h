// Mixture of experts: sqrt(softplus) scores, the best k by biased score (or by the token's table
// row), weights from the unbiased scores; clamped SwiGLU experts and one shared expert.
#pragma once
#include "reference/rules.h"
#include "reference/weights.h"

namespace hadal::reference {

struct Route {
  std::vector<std::size_t> experts;  // in descending biased score, or in table order
  Row weights;
  double margin = 1e30;  // (k-th - (k+1)-th biased score) / standard deviation; 1e30: no choice
};

Route ChooseExperts(const Moe& moe, const Row& x, std::size_t token, const Config& config,
                    const Rules& rules);
Row RunExperts(const Moe& moe, const Row& x, const Route& route, const Config& config,
               const Rules& rules, const Rounding& round);

// (a - b) / standard deviation (n - 1) of values, where a and b are the k-th and (k+1)-th largest.
double SelectionMargin(Row values, std::size_t k);
// The indices of the k largest, in descending order; the lower index first among equals.
std::vector<std::size_t> LargestK(const Row& values, std::size_t k);

}  // namespace hadal::reference
