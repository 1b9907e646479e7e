#include "kernels/router.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "base/check.h"
#include "kernels/share_rows.h"

namespace hadal::kernels {
namespace {

float RouterScore(float logit) {
  const double v = logit;
  return static_cast<float>(std::sqrt(std::max(v, 0.0) + std::log1p(std::exp(-std::fabs(v)))));
}

// NaN has no place in an order: it counts as the worst.
float ChoiceScore(float logit, float bias) {
  const float score = RouterScore(logit) + bias;
  return std::isnan(score) ? -std::numeric_limits<float>::infinity() : score;
}

void WeighChosen(std::span<const float> logits, float scaling, std::span<const std::uint32_t> ids,
                 std::span<float> weights) {
  double sum = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) sum += weights[i] = RouterScore(logits[ids[i]]);
  for (float& weight : weights) weight = static_cast<float>(weight / sum * double{scaling});
}

}  // namespace

namespace ref {

void RouteByScore(std::span<const float> logits, std::span<const float> bias, float scaling,
                  std::span<std::uint32_t> ids, std::span<float> weights) {
  std::vector<std::uint32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, [&](std::uint32_t a, std::uint32_t b) {
    return ChoiceScore(logits[a], bias[a]) > ChoiceScore(logits[b], bias[b]);
  });
  std::copy_n(order.begin(), ids.size(), ids.begin());
  RouteGiven(logits, scaling, ids, weights);
}

}  // namespace ref

void RouteByScore(std::span<const float> logits, std::span<const float> bias, float scaling,
                  std::span<std::uint32_t> ids, std::span<float> weights) {
  HADAL_CHECK(bias.size() == logits.size() && weights.size() == ids.size());
  HADAL_CHECK(ids.size() <= logits.size());
  // ids and weights hold the best so far, best first; a later expert must be strictly better.
  std::size_t kept = 0;
  for (std::size_t expert = 0; expert < logits.size() && !ids.empty(); ++expert) {
    const float score = ChoiceScore(logits[expert], bias[expert]);
    if (kept == ids.size() && !(score > weights[kept - 1])) continue;
    std::size_t at = kept < ids.size() ? kept++ : kept - 1;
    for (; at > 0 && score > weights[at - 1]; --at) {
      ids[at] = ids[at - 1];
      weights[at] = weights[at - 1];
    }
    ids[at] = static_cast<std::uint32_t>(expert);
    weights[at] = score;
  }
  RouteGiven(logits, scaling, ids, weights);
}

void RouteGiven(std::span<const float> logits, float scaling, std::span<std::uint32_t> ids,
                std::span<float> weights) {
  HADAL_CHECK(weights.size() == ids.size());
  std::ranges::sort(ids);
  HADAL_CHECK(ids.empty() || ids.back() < logits.size());
  WeighChosen(logits, scaling, ids, weights);
}

void RouteByScore(View2<const float> logits, std::span<const float> bias, float scaling,
                  View2<std::uint32_t> ids, View2<float> weights, Threads& threads) {
  HADAL_CHECK(ids.rows() == logits.rows() && weights.rows() == logits.rows());
  ShareRows(logits.rows(), 4 * logits.cols(), kExponents, threads,
            [&](std::size_t t) { RouteByScore(logits[t], bias, scaling, ids[t], weights[t]); });
}

void RouteByToken(View2<const float> logits, View2<const std::uint32_t> table,
                  std::span<const std::int32_t> tokens, float scaling, View2<std::uint32_t> ids,
                  View2<float> weights, Threads& threads) {
  HADAL_CHECK(tokens.size() == logits.rows() && table.cols() == ids.cols());
  HADAL_CHECK(ids.rows() == logits.rows() && weights.rows() == logits.rows());
  ShareRows(logits.rows(), ids.cols(), kExponents, threads, [&](std::size_t t) {
    std::ranges::copy(table[static_cast<std::size_t>(tokens[t])], ids[t].begin());
    RouteGiven(logits[t], scaling, ids[t], weights[t]);
  });
}

}  // namespace hadal::kernels
