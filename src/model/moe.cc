#include "model/moe.h"

#include <algorithm>
#include <vector>

#include "kernels/matmul.h"
#include "kernels/router.h"
#include "kernels/rows.h"
#include "kernels/swiglu.h"
#include "model/linear.h"

namespace hadal::model {
namespace {

struct Routes {
  View2<const std::uint32_t> experts;  // [rows, k], ascending
  View2<const float> weights;          // [rows, k]
};

Routes Route(const Pass& pass, const Moe& moe, View2<const float> x, Arena::Scope& scope) {
  const arch::Config& c = pass.config;
  const std::size_t k = c.num_experts_per_tok;
  const auto scaling = static_cast<float>(c.routed_scaling_factor);
  const View2<std::uint32_t> ids = scope.Take<std::uint32_t>(x.rows(), k);
  const View2<float> weights = scope.Take<float>(x.rows(), k);
  Arena::Scope own(scope.arena());
  const View2<float> logits = own.Take<float>(x.rows(), c.n_routed_experts);
  kernels::MatMul(x, moe.gate, logits, pass.threads);
  if (moe.tid2eid.empty())
    kernels::RouteByScore(logits, moe.bias, scaling, ids, weights, pass.threads);
  else
    kernels::RouteByToken(logits, {moe.tid2eid.data(), c.vocab_size, k}, pass.batch.tokens, scaling,
                          ids, weights, pass.threads);
  return {ids, weights};
}

// The choices in the order of experts, a row's and an expert's in the batch's order: "slots".
struct Grouping {
  std::vector<std::uint32_t> begin;    // expert e has the slots [begin[e], begin[e + 1])
  std::vector<std::uint32_t> active;   // experts with at least one
  View2<const std::uint32_t> slot;     // [rows, k]: where a choice lies
  std::span<const std::uint32_t> row;  // [slots]: whose it is
  std::span<const float> weight;       // [slots]
  std::size_t slots() const { return row.size(); }
};

Grouping GroupByExpert(const Routes& routes, std::size_t experts, Arena::Scope& scope) {
  const std::size_t k = routes.experts.cols(), pairs = routes.experts.rows() * k;
  const View2<std::uint32_t> slot_of = scope.Take<std::uint32_t>(routes.experts.rows(), k);
  const std::span<std::uint32_t> row = scope.Take<std::uint32_t>(pairs);
  const std::span<float> weight = scope.Take<float>(pairs);
  Grouping grouping{.begin = std::vector<std::uint32_t>(experts + 1),
                    .active = {},
                    .slot = slot_of,
                    .row = row,
                    .weight = weight};
  const std::span<const std::uint32_t> ids(routes.experts.data(), pairs);
  for (const std::uint32_t id : ids) ++grouping.begin[id + 1];
  for (std::size_t e = 0; e < experts; ++e) {
    if (grouping.begin[e + 1] > 0) grouping.active.push_back(static_cast<std::uint32_t>(e));
    grouping.begin[e + 1] += grouping.begin[e];
  }
  std::vector<std::uint32_t> next(grouping.begin.begin(), grouping.begin.end() - 1);
  for (std::size_t i = 0; i < pairs; ++i) {
    const std::uint32_t slot = next[ids[i]]++;
    slot_of.data()[i] = slot;
    row[slot] = static_cast<std::uint32_t>(i / k);
    weight[slot] = routes.weights.data()[i];
  }
  return grouping;
}

std::size_t SlotsAtOnce(const arch::Config& c, std::size_t rows) {
  return std::min(rows * c.num_experts_per_tok, std::max(kExpertSlots, c.num_experts_per_tok));
}

// A part of the slots, and f(expert, first slot of the part, count) for its experts.
struct Slots {
  std::size_t begin, end;
  std::size_t count() const { return end - begin; }
  template <class F>
  void ForExperts(const Grouping& grouping, F&& f) const {
    for (const std::uint32_t e : grouping.active) {
      const std::size_t first = std::max<std::size_t>(begin, grouping.begin[e]);
      const std::size_t last = std::min<std::size_t>(end, grouping.begin[e + 1]);
      if (first < last) f(e, first - begin, last - first);
    }
  }
};

// h = swiglu(gate, up), in place of gate: the routing weights (none: 1) come in here, before w2.
void Activate(const Context& context, View2<const float> up, std::span<const float> weights,
              View2<float> gate) {
  kernels::SwiGlu(gate, up, static_cast<float>(context.config.swiglu_limit), weights, gate,
                  context.threads);
  RoundActs(context, gate);
}

void ShareExpert(const Context& context, const Expert& expert, View2<const float> x, View2<float> y,
                 Arena& arena) {
  Arena::Scope scope(arena);
  const View2<float> gate = scope.Take<float>(x.rows(), expert.w1.rows);
  const View2<float> up = scope.Take<float>(x.rows(), expert.w3.rows);
  Linear(context, x, {{&expert.w1, gate}, {&expert.w3, up}}, arena);
  Activate(context, up, {}, gate);
  Linear(context, gate, {{&expert.w2, y}}, arena);
}

// The weights of the experts that have slots, and the first expert's: see PickInput.
std::vector<const Weight*> WeightsOf(const Moe& moe, const Grouping& grouping,
                                     std::initializer_list<Weight Expert::*> which) {
  std::vector<const Weight*> weights;
  for (const auto member : which) {
    weights.push_back(&(moe.experts[0].*member));
    for (const std::uint32_t e : grouping.active) weights.push_back(&(moe.experts[e].*member));
  }
  return weights;
}

// The slots' inputs out of the rows': integer rows are picked where they lie, float32 ones are copied behind
// one another, if a weight takes them. Whether those are rounded goes by the first expert, for all
// slots alike: in a layer that mixes formats nothing may depend on who else is in the batch.
LinearInput PickInput(const Context& context, const Moe& moe, const LinearInput& x,
                      std::span<const Weight* const> weights, std::span<const std::uint32_t> pick,
                      Arena::Scope& scope) {
  LinearInput picked{.plain = {}, .rounded = {}, .integers = x.integers};
  for (kernels::QuantizedRows& rows : picked.integers) rows.pick = pick;
  if (std::ranges::all_of(weights,
                          [&](const Weight* w) { return TakesIntegers(context.numerics, *w); }))
    return picked;
  const bool rounded =
      kernels::IsQuantized(moe.experts[0].w1.format) && x.rounded.data() != nullptr;
  const View2<float> copy = scope.Take<float>(pick.size(), x.plain.cols());
  kernels::GatherRows(rounded ? x.rounded : x.plain, pick, copy, context.threads);
  picked.plain = picked.rounded = copy;
  return picked;
}

// The routed experts' outputs [slots, dim] for a part of the slots; x: the part's inputs.
View2<const float> RunExperts(const Context& context, const Moe& moe, const Grouping& grouping,
                              Slots slots, const LinearInput& x, Arena::Scope& scope) {
  const std::size_t inter = context.config.moe_intermediate_size;
  const View2<float> y = scope.Take<float>(slots.count(), context.config.hidden_size);
  Arena::Scope own(scope.arena());
  const View2<float> gate = own.Take<float>(slots.count(), inter);
  const View2<float> up = own.Take<float>(slots.count(), inter);
  LinearJobs in_jobs, out_jobs;
  slots.ForExperts(grouping, [&](std::size_t e, std::size_t first, std::size_t n) {
    const Expert& expert = moe.experts[e];
    in_jobs.Add(context, x.Rows(first, n), expert.w1, gate.Rows(first, n));
    in_jobs.Add(context, x.Rows(first, n), expert.w3, up.Rows(first, n));
  });
  in_jobs.Run(context);
  Activate(context, up, grouping.weight.subspan(slots.begin, slots.count()), gate);

  const LinearInput h = PrepareInput(context, gate, WeightsOf(moe, grouping, {&Expert::w2}), own);
  slots.ForExperts(grouping, [&](std::size_t e, std::size_t first, std::size_t n) {
    out_jobs.Add(context, h.Rows(first, n), moe.experts[e].w2, y.Rows(first, n));
  });
  out_jobs.Run(context);
  return y;
}

// Adds the routed experts' outputs to y; a row's slots ascend with its experts.
void AddRouted(const Context& context, const Moe& moe, const Grouping& grouping,
               View2<const float> x, View2<float> y, Arena& arena) {
  Arena::Scope scope(arena);
  const auto weights = WeightsOf(moe, grouping, {&Expert::w1, &Expert::w3});
  // Integers of rows are made once for all parts.
  const LinearInput input = PrepareInput(context, x, weights, scope);
  const std::size_t most = SlotsAtOnce(context.config, x.rows());
  for (std::size_t begin = 0; begin < grouping.slots(); begin += most) {
    Arena::Scope part(arena);
    const Slots slots{begin, std::min(begin + most, grouping.slots())};
    const LinearInput picked =
        PickInput(context, moe, input, weights, grouping.row.subspan(begin, slots.count()), part);
    kernels::AddChosen(RunExperts(context, moe, grouping, slots, picked, part), grouping.slot,
                       begin, y, context.threads);
  }
}

}  // namespace

View2<const float> MixExperts(const Pass& pass, std::size_t layer, const Moe& moe,
                              View2<const float> x, Arena::Scope& scope) {
  const View2<float> y = scope.Take<float>(x.rows(), x.cols());
  Arena::Scope own(scope.arena());
  const Routes routes = Route(pass, moe, x, own);
  if (pass.observer != nullptr) pass.observer->Routed(layer, routes.experts, routes.weights);
  ShareExpert(pass, moe.shared_expert, x, y, scope.arena());
  const Grouping grouping = GroupByExpert(routes, moe.experts.size(), own);
  AddRouted(pass, moe, grouping, x, y, scope.arena());
  RoundActs(pass, y);
  return y;
}

std::size_t MixExpertsBytes(const arch::Config& c, std::size_t rows) {
  const std::size_t k = c.num_experts_per_tok, dim = c.hidden_size, inter = c.moe_intermediate_size;
  const std::size_t slots = SlotsAtOnce(c, rows);
  // y, the routes and the grouping.
  const std::size_t kept = Arena::BytesOf<float>(rows, dim) + 3 * Arena::BytesOf<float>(rows, k) +
                           2 * Arena::BytesOf<float>(rows * k);
  const std::size_t router = Arena::BytesOf<float>(rows, c.n_routed_experts);
  const std::size_t shared = 2 * Arena::BytesOf<float>(rows, inter) +
                             std::max(LinearInputBytes(rows, dim), LinearInputBytes(rows, inter));
  const std::size_t routed = LinearInputBytes(rows, dim) + 2 * Arena::BytesOf<float>(slots, dim) +
                             2 * Arena::BytesOf<float>(slots, inter) +
                             LinearInputBytes(slots, inter);
  return kept + std::max({router, shared, routed});
}

}  // namespace hadal::model
