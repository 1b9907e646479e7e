#include "train/moe.h"

#include "train/dispatch.h"
#include "train/swiglu.h"

namespace hadal::train {
namespace {

using torch::Tensor;

Tensor ChooseExperts(const Tensor& scores, const Tensor& ids, const MoeWeights& weights,
                     std::int64_t chosen) {
  if (weights.tid2eid.defined())
    return weights.tid2eid.to(torch::kLong).index_select(0, ids.reshape({-1}));
  return std::get<1>((scores.detach() + weights.bias).topk(chosen, 1));
}

// experts [batch*tokens, chosen]
Tensor BalanceLoss(const Tensor& scores, const Tensor& experts, std::int64_t batch) {
  const std::int64_t count = scores.size(1), tokens = scores.size(0) / batch;
  const Tensor share = (scores / scores.sum(1, true)).view({batch, tokens, count}).mean(1);
  const Tensor routed =
      torch::zeros({batch, count}, scores.options())
          .scatter_add_(1, experts.reshape({batch, -1}),
                        torch::ones({batch, tokens * experts.size(1)}, scores.options()));
  const double fair = static_cast<double>(count) / static_cast<double>(experts.size(1) * tokens);
  return (routed * fair * share).sum(1).mean();
}

Tensor RoutedExperts(const Tensor& x, const Tensor& routing, const Dispatch& plan,
                     const ExpertWeights& w, double limit, Products products) {
  const Tensor rows = GatherRows(x, plan.tokens, plan.places);
  const Tensor weight =
      GatherRows(routing.reshape({-1, 1}), plan.assignments, plan.places.view({-1, 1})).view({-1});
  const Tensor h = SwiGlu(GroupedLinear(rows, w.w1, plan.offsets, products),
                          GroupedLinear(rows, w.w3, plan.offsets, products), weight, limit);
  return CombineRows(GroupedLinear(h, w.w2, plan.offsets, products), plan.tokens, plan.places);
}

}  // namespace

MoeResult Moe(const Tensor& x, const Tensor& ids, const MoeWeights& weights,
              const arch::Config& config, Products products) {
  const auto experts = static_cast<std::int64_t>(config.n_routed_experts);
  const Tensor scores =
      torch::nn::functional::softplus(Linear(x, weights.gate, Products::kF32)).sqrt();
  const Tensor chosen =
      ChooseExperts(scores, ids, weights, static_cast<std::int64_t>(config.num_experts_per_tok));
  const Tensor chosen_scores = scores.gather(1, chosen);
  const Tensor routing = chosen_scores / chosen_scores.sum(1, true) * config.routed_scaling_factor;
  const Dispatch plan = PlanDispatch(chosen, experts);

  MoeResult result;
  const Tensor gate = Linear(x, weights.shared.w1, products),
               up = Linear(x, weights.shared.w3, products);
  const Tensor shared =
      Linear(SwiGlu(gate, up, Tensor(), config.swiglu_limit), weights.shared.w2, products);
  result.y =
      RoutedExperts(x, routing, plan, weights.experts, config.swiglu_limit, products) + shared;
  result.load = torch::tensor(plan.offsets, torch::kLong).diff();
  if (!weights.tid2eid.defined()) result.balance_loss = BalanceLoss(scores, chosen, ids.size(0));
  return result;
}

}  // namespace hadal::train
