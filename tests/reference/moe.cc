#include "reference/moe.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

namespace hadal::reference {
namespace {

enum class Kind { kRouted, kShared };

// w2( silu(min(w1 x, limit)) * clamp(w3 x, +-limit) * weight )
Row RunExpert(const Expert& e, const Row& x, double weight, Kind kind, const Config& config,
              const Rules& rules, const Rounding& round) {
  const double limit = kind == Kind::kShared && !rules.clamp_shared_expert
                           ? std::numeric_limits<double>::infinity()
                           : config.swiglu_limit;
  const double lower = rules.clamp_gate_below ? -limit : -std::numeric_limits<double>::infinity();
  const Row gate = Linear(e.w1, x, round), up = Linear(e.w3, x, round);
  Row h(gate.size());
  for (std::size_t i = 0; i < h.size(); ++i)
    h[i] =
        round(Silu(std::clamp(gate[i], lower, limit)) * std::clamp(up[i], -limit, limit) * weight);
  return Linear(e.w2, h, round);
}

}  // namespace

std::vector<std::size_t> LargestK(const Row& values, std::size_t k) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  order.resize(std::min(k, order.size()));
  return order;
}

double SelectionMargin(Row values, std::size_t k) {
  const double n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (double v : values) squares += (v - mean) * (v - mean);
  std::sort(values.begin(), values.end(), std::greater<>());
  return (values[k - 1] - values[k]) / (std::sqrt(squares / (n - 1)) + 1e-30);
}

Route ChooseExperts(const Moe& moe, const Row& x, std::size_t token, const Config& config,
                    const Rules& rules) {
  Row score = Product(moe.gate, x);
  for (double& s : score) s = rules.gate_sigmoid ? Sigmoid(s) : std::sqrt(Softplus(s));
  Row biased = score;
  for (std::size_t e = 0; e < moe.bias.size(); ++e) biased[e] += moe.bias[e];

  Route route;
  if (!moe.tid2eid.empty() && !rules.hash_layers_use_scores) {
    const auto row = moe.tid2eid.begin() + static_cast<std::ptrdiff_t>(token * config.topk);
    route.experts.assign(row, row + static_cast<std::ptrdiff_t>(config.topk));
  } else {
    route.experts = LargestK(biased, config.topk);
    if (config.topk < biased.size()) route.margin = SelectionMargin(biased, config.topk);
  }
  double sum = 0;
  for (std::size_t e : route.experts) {
    route.weights.push_back(rules.bias_in_weights ? biased[e] : score[e]);
    sum += route.weights.back();
  }
  for (double& w : route.weights) w *= config.routed_scaling / (rules.normalise_weights ? sum : 1);
  return route;
}

Row RunExperts(const Moe& moe, const Row& x, const Route& route, const Config& config,
               const Rules& rules, const Rounding& round) {
  Row sum = RunExpert(moe.shared, x, 1, Kind::kShared, config, rules, round);
  for (std::size_t i = 0; i < route.experts.size(); ++i) {
    const Row y = RunExpert(moe.experts[route.experts[i]], x, route.weights[i], Kind::kRouted,
                            config, rules, round);
    for (std::size_t d = 0; d < sum.size(); ++d) sum[d] += y[d];
  }
  return round(sum);
}

}  // namespace hadal::reference
