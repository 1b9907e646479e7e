#include "kernels/grouped_router.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "base/check.h"
#include "kernels/share_rows.h"

namespace hadal::kernels {
namespace {

constexpr float kWorst = -std::numeric_limits<float>::infinity();

float Sigmoid(float logit) {
  return static_cast<float>(1 / (1 + std::exp(-static_cast<double>(logit))));
}

// NaN has no place in an order.
float Comparable(float score) { return std::isnan(score) ? kWorst : score; }

float TwoLargest(std::span<const float> scores) {
  float first = kWorst, second = kWorst;
  for (const float score : scores) {
    second = std::max(second, std::min(first, score));
    first = std::max(first, score);
  }
  return scores.size() == 1 ? first : first + second;
}

// The numbers of the `count` largest scores, ascending; ties: the lower number.
std::vector<std::uint32_t> Largest(std::span<const float> scores, std::size_t count) {
  std::vector<std::uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto end = order.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(order.begin(), end, order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
  });
  order.resize(count);
  std::ranges::sort(order);
  return order;
}

// The experts that may be chosen: those of the best groups, ascending.
std::vector<std::uint32_t> Candidates(std::span<const float> biased, const ExpertGroups& groups) {
  const std::size_t size = biased.size() / groups.groups;
  std::vector<float> scores(groups.groups);
  for (std::size_t g = 0; g < scores.size(); ++g)
    scores[g] = TwoLargest(biased.subspan(g * size, size));
  std::vector<std::uint32_t> experts;
  for (const std::uint32_t g : Largest(scores, groups.kept))
    for (std::size_t e = g * size; e < (g + 1) * size; ++e)
      experts.push_back(static_cast<std::uint32_t>(e));
  return experts;
}

void WeighChosen(std::span<const float> logits, float scaling, std::span<const std::uint32_t> ids,
                 std::span<float> weights) {
  double sum = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) sum += weights[i] = Sigmoid(logits[ids[i]]);
  for (float& weight : weights) weight = static_cast<float>(weight / sum * double{scaling});
}

}  // namespace

namespace ref {

void RouteByGroups(std::span<const float> logits, std::span<const float> bias,
                   const ExpertGroups& groups, float scaling, std::span<std::uint32_t> ids,
                   std::span<float> weights) {
  const std::size_t size = logits.size() / groups.groups;
  std::vector<float> biased(logits.size()), scores(groups.groups);
  for (std::size_t e = 0; e < biased.size(); ++e)
    biased[e] = Comparable(Sigmoid(logits[e]) + bias[e]);
  for (std::size_t g = 0; g < scores.size(); ++g) {
    std::vector<float> own(biased.begin() + static_cast<std::ptrdiff_t>(g * size),
                           biased.begin() + static_cast<std::ptrdiff_t>((g + 1) * size));
    std::ranges::sort(own, std::greater<>());
    scores[g] = own.size() == 1 ? own[0] : own[0] + own[1];
  }
  const auto descending = [](std::span<const float> of) {
    std::vector<std::uint32_t> order(of.size());
    std::iota(order.begin(), order.end(), 0u);
    std::ranges::stable_sort(order,
                             [&](std::uint32_t a, std::uint32_t b) { return of[a] > of[b]; });
    return order;
  };
  std::vector<bool> kept(groups.groups);
  const std::vector<std::uint32_t> best = descending(scores);
  for (std::size_t i = 0; i < groups.kept; ++i) kept[best[i]] = true;
  std::size_t chosen = 0;
  for (const std::uint32_t e : descending(biased))
    if (kept[e / size] && chosen < ids.size()) ids[chosen++] = e;
  std::ranges::sort(ids);
  WeighChosen(logits, scaling, ids, weights);
}

}  // namespace ref

void RouteByGroups(std::span<const float> logits, std::span<const float> bias,
                   const ExpertGroups& groups, float scaling, std::span<std::uint32_t> ids,
                   std::span<float> weights) {
  HADAL_CHECK(bias.size() == logits.size() && weights.size() == ids.size());
  HADAL_CHECK(groups.groups > 0 && logits.size() % groups.groups == 0);
  HADAL_CHECK(groups.kept <= groups.groups &&
              ids.size() <= groups.kept * (logits.size() / groups.groups));
  std::vector<float> biased(logits.size());
  for (std::size_t e = 0; e < biased.size(); ++e)
    biased[e] = Comparable(Sigmoid(logits[e]) + bias[e]);
  const std::vector<std::uint32_t> experts = Candidates(biased, groups);
  std::vector<float> scores;
  scores.reserve(experts.size());
  for (const std::uint32_t e : experts) scores.push_back(biased[e]);
  std::ranges::transform(Largest(scores, ids.size()), ids.begin(),
                         [&](std::uint32_t i) { return experts[i]; });

  WeighChosen(logits, scaling, ids, weights);
}

void RouteByGroups(View2<const float> logits, std::span<const float> bias,
                   const ExpertGroups& groups, float scaling, View2<std::uint32_t> ids,
                   View2<float> weights, Threads& threads) {
  HADAL_CHECK(ids.rows() == logits.rows() && weights.rows() == logits.rows());
  ShareRows(logits.rows(), 4 * logits.cols(), kExponents, threads, [&](std::size_t t) {
    RouteByGroups(logits[t], bias, groups, scaling, ids[t], weights[t]);
  });
}

}  // namespace hadal::kernels
