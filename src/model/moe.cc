#include "model/moe.h"

#include <algorithm>
#include <vector>

#include "kernels/grouped_router.h"
#include "kernels/matmul.h"
#include "kernels/router.h"
#include "kernels/rows.h"
#include "model/expert_runner.h"
#include "model/linear.h"
#include "model/watch_rows.h"

namespace hadal::model {
namespace {

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

// The slots [begin, end) as the work of a part, slot `begin` its first.
std::vector<ExpertSlots> ExpertsOf(const Grouping& grouping, std::size_t begin, std::size_t end) {
  std::vector<ExpertSlots> experts;
  for (const std::uint32_t e : grouping.active) {
    const std::size_t first = std::max<std::size_t>(begin, grouping.begin[e]);
    const std::size_t last = std::min<std::size_t>(end, grouping.begin[e + 1]);
    if (first < last) experts.push_back({e, first - begin, last - first});
  }
  return experts;
}

// w1 and w3 of the experts that have slots, and of the first expert: it says how float32 inputs are
// rounded.
std::vector<const Weight*> InputWeights(const Moe& moe, const Grouping& grouping) {
  std::vector<const Weight*> weights = {&moe.experts[0].w1, &moe.experts[0].w3};
  for (const std::uint32_t e : grouping.active) {
    weights.push_back(&moe.experts[e].w1);
    weights.push_back(&moe.experts[e].w3);
  }
  return weights;
}

// Adds the routed experts' outputs to y, a part of the slots after the other; a row's slots ascend
// with its experts, so its sum has one order, whichever expert was ready first.
Status AddRouted(const Pass& pass, std::size_t layer, const Moe& moe, const Grouping& grouping,
                 View2<const float> x, View2<float> y, Arena& arena) {
  Arena::Scope scope(arena);
  // Made once for all parts.
  const LinearInput input = PrepareInput(pass, x, InputWeights(moe, grouping), scope);
  const std::size_t most = SlotsAtOnce(pass.config, x.rows());
  for (std::size_t begin = 0; begin < grouping.slots(); begin += most) {
    const std::size_t end = std::min(begin + most, grouping.slots());
    const std::vector<ExpertSlots> experts = ExpertsOf(grouping, begin, end);
    const ExpertWork work{.layer = layer,
                          .moe = moe,
                          .x = input,
                          .row = grouping.row.subspan(begin, end - begin),
                          .weight = grouping.weight.subspan(begin, end - begin),
                          .experts = experts};
    Arena::Scope part(arena);
    const View2<float> out = part.Take<float>(end - begin, x.cols());
    HADAL_TRY_STATUS(pass.experts->Run(pass, work, out, arena));
    kernels::AddChosen(out, grouping.slot, begin, y, pass.threads);
  }
  return Unit{};
}

}  // namespace

std::vector<std::uint32_t> ExpertsByToken(const arch::Config& config, const Moe& moe,
                                          std::span<const std::int32_t> tokens) {
  std::vector<std::uint32_t> experts;
  if (moe.tid2eid.empty()) return experts;
  const std::size_t k = config.num_experts_per_tok;
  for (const std::int32_t token : tokens) {
    const auto row = std::span(moe.tid2eid).subspan(static_cast<std::size_t>(token) * k, k);
    experts.insert(experts.end(), row.begin(), row.end());
  }
  std::ranges::sort(experts);
  experts.erase(std::unique(experts.begin(), experts.end()), experts.end());
  return experts;
}

Routes ChooseExperts(const Pass& pass, std::size_t layer, const Moe& moe, View2<const float> x,
                     Arena::Scope& scope) {
  const arch::Config& c = pass.config;
  const std::size_t k = c.num_experts_per_tok;
  const auto scaling = static_cast<float>(c.routed_scaling_factor);
  const View2<std::uint32_t> ids = scope.Take<std::uint32_t>(x.rows(), k);
  const View2<float> weights = scope.Take<float>(x.rows(), k);
  Arena::Scope own(scope.arena());
  const View2<float> logits = own.Take<float>(x.rows(), c.n_routed_experts);
  kernels::MatMul(x, moe.gate, logits, pass.threads);
  WatchRows(pass, layer, logits);
  if (!moe.tid2eid.empty())
    kernels::RouteByToken(logits, {moe.tid2eid.data(), c.vocab_size, k}, pass.batch.tokens, scaling,
                          ids, weights, pass.threads);
  else if (c.n_group > 0)
    kernels::RouteByGroups(logits, moe.bias, {c.n_group, c.topk_group}, scaling, ids, weights,
                           pass.threads);
  else
    kernels::RouteByScore(logits, moe.bias, scaling, ids, weights, pass.threads);
  return {ids, weights};
}

void RunGated(const Context& context, const Expert& unit, View2<const float> x, View2<float> y,
              Arena& arena) {
  Arena::Scope scope(arena);
  const View2<float> gate = scope.Take<float>(x.rows(), unit.w1.rows);
  const View2<float> up = scope.Take<float>(x.rows(), unit.w3.rows);
  Linear(context, x, {{&unit.w1, gate}, {&unit.w3, up}}, arena);
  Activate(context, up, {}, gate);
  Linear(context, gate, {{&unit.w2, y}}, arena);
}

std::size_t GatedBytes(std::size_t rows, std::size_t dim, std::size_t inner) {
  return 2 * Arena::BytesOf<float>(rows, inner) +
         std::max(LinearInputBytes(rows, dim), LinearInputBytes(rows, inner));
}

Result<View2<const float>> MixExperts(const Pass& pass, std::size_t layer, const Moe& moe,
                                      View2<const float> x, Arena::Scope& scope) {
  const View2<float> y = scope.Take<float>(x.rows(), x.cols());
  Arena::Scope own(scope.arena());
  const Routes routes = ChooseExperts(pass, layer, moe, x, own);
  if (pass.observer != nullptr)
    pass.observer->Routed(pass.first_layer + layer, routes.experts, routes.weights);
  const Grouping grouping = GroupByExpert(routes, moe.experts.size(), own);
  pass.experts->Announce(layer,
                         grouping.active);  // what must be read, while the shared expert runs
  RunGated(pass, moe.shared_expert, x, y, scope.arena());
  HADAL_TRY_STATUS(AddRouted(pass, layer, moe, grouping, x, y, scope.arena()));
  RoundActs(pass, y);
  return View2<const float>(y);
}

std::size_t MixExpertsBytes(const arch::Config& c, std::size_t rows) {
  const std::size_t k = c.num_experts_per_tok, dim = c.hidden_size, inter = c.moe_intermediate_size;
  const std::size_t slots = SlotsAtOnce(c, rows);
  // y, the routes and the grouping.
  const std::size_t kept = Arena::BytesOf<float>(rows, dim) + 3 * Arena::BytesOf<float>(rows, k) +
                           2 * Arena::BytesOf<float>(rows * k);
  const std::size_t router = Arena::BytesOf<float>(rows, c.n_routed_experts);
  const std::size_t shared = GatedBytes(rows, dim, c.n_shared_experts * inter);
  const std::size_t routed = LinearInputBytes(rows, dim) + Arena::BytesOf<float>(slots, dim) +
                             LocalExpertRunner::Bytes(c, slots);
  return kept + std::max({router, shared, routed});
}

}  // namespace hadal::model
