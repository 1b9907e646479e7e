#include "model/moe.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "kernels/router.h"
#include "kernels/swiglu.h"
#include "model/linear.h"

namespace hadal::model {
namespace {

// Which rows go to which expert: expert e has the grouped rows [begin[e], begin[e + 1]).
struct Grouping {
  std::vector<std::uint32_t> begin;
  std::vector<std::uint32_t> active;  // experts with at least one token
};

View2<std::uint32_t> ExpertIds(Pass& pass) {
  return pass.work.expert_ids.As(pass.rows(), pass.config.num_experts_per_tok);
}
View2<float> ExpertWeights(Pass& pass) {
  return pass.Rows(pass.work.expert_weights, pass.config.num_experts_per_tok);
}

void Route(Pass& pass, const Moe& moe, View2<const float> x) {
  const Config& c = pass.config;
  const std::size_t k = c.num_experts_per_tok;
  const View2<float> logits = pass.Rows(pass.work.router_logits, c.n_routed_experts);
  const View2<std::uint32_t> ids = ExpertIds(pass);
  const View2<float> weights = ExpertWeights(pass);
  const auto scaling = static_cast<float>(c.routed_scaling_factor);
  kernels::MatMul(x, moe.gate, logits, pass.threads);
  ForEach(pass, pass.rows(), [&](WorkerScratch&, std::size_t t) {
    if (moe.tid2eid.empty())
      return kernels::RouteByScore(logits[t], moe.bias, scaling, ids[t], weights[t]);
    const auto token = static_cast<std::size_t>(pass.batch.tokens[t]);
    std::ranges::copy(std::span(moe.tid2eid).subspan(token * k, k), ids[t].begin());
    kernels::RouteGiven(logits[t], scaling, ids[t], weights[t]);
  });
}

// Sorts the (row, choice) pairs by expert, rows in order, into work.expert_slot and work.slot_row.
Grouping GroupByExpert(Pass& pass) {
  const std::size_t experts = pass.config.n_routed_experts, k = pass.config.num_experts_per_tok;
  const std::size_t pairs = pass.rows() * k;
  const std::span<const std::uint32_t> ids = pass.work.expert_ids.span().first(pairs);
  Grouping grouping;
  grouping.begin.assign(experts + 1, 0);
  for (const std::uint32_t id : ids) ++grouping.begin[id + 1];
  for (std::size_t e = 0; e < experts; ++e) {
    if (grouping.begin[e + 1] > 0) grouping.active.push_back(static_cast<std::uint32_t>(e));
    grouping.begin[e + 1] += grouping.begin[e];
  }
  std::vector<std::uint32_t> next(grouping.begin.begin(), grouping.begin.end() - 1);
  for (std::size_t i = 0; i < pairs; ++i) {
    const std::uint32_t slot = next[ids[i]]++;
    pass.work.expert_slot[i] = slot;
    pass.work.slot_row[slot] = static_cast<std::uint32_t>(i / k);
  }
  return grouping;
}

// Inputs of routed experts, one row a slot, as integers or in float32, made when first asked for.
class SlotInputs {
 public:
  // Slot s is row pick[s] of x; pick empty: row s. `first` is the first expert's weight: whether float32
  // inputs are rounded to FP8 goes by it.
  SlotInputs(Pass& pass, View2<const float> x, const Weight& first,
             std::span<const std::uint32_t> pick)
      : pass_(pass), x_(x), first_(first), pick_(pick) {}

  void Add(LinearJobs& jobs, const Weight& w, std::size_t begin, std::size_t count,
           View2<float> y) {
    if (!TakesIntegers(pass_.numerics, w)) {
      jobs.floats.push_back({Floats().Rows(begin, count), w, y});
      return;
    }
    auto& rows = integers_[static_cast<std::size_t>(kernels::RowFormatFor(w.format))];
    if (!rows) rows = IntegerRows(pass_, x_, w);
    kernels::QuantizedRows part = *rows;
    if (pick_.empty())
      part.data += begin * part.stride;
    else
      part.pick = pick_.subspan(begin, count);
    jobs.integers.push_back({part, w, y});
  }

 private:
  View2<const float> Floats() {
    if (floats_.data() != nullptr) return floats_;
    const View2<const float> in = LinearInputOf(pass_, x_, first_);
    if (pick_.empty()) return floats_ = in;
    const View2<float> grouped = pass_.work.grouped_x.As(pick_.size(), x_.cols());
    ForEach(pass_, pick_.size(), [&](WorkerScratch&, std::size_t slot) {
      std::ranges::copy(in[pick_[slot]], grouped[slot].begin());
    });
    return floats_ = grouped;
  }

  Pass& pass_;
  View2<const float> x_, floats_;
  const Weight& first_;
  std::span<const std::uint32_t> pick_;
  std::array<std::optional<kernels::QuantizedRows>, 2> integers_;
};

// gate and up of all active experts and of the shared one.
void ProjectUp(Pass& pass, const Moe& moe, const Grouping& grouping, View2<const float> x,
               View2<float> gate, View2<float> up) {
  const std::size_t pairs = gate.rows() - pass.rows();
  ForgetIntegers(pass);
  SlotInputs inputs(pass, x, moe.experts[0].w1, pass.work.slot_row.span().first(pairs));
  LinearJobs jobs;
  for (const std::uint32_t e : grouping.active) {
    const std::size_t begin = grouping.begin[e], count = grouping.begin[e + 1] - begin;
    inputs.Add(jobs, moe.experts[e].w1, begin, count, gate.Rows(begin, count));
    inputs.Add(jobs, moe.experts[e].w3, begin, count, up.Rows(begin, count));
  }
  jobs.Run(pass);
  Linear(pass, x,
         {{&moe.shared_expert.w1, gate.Rows(pairs, pass.rows())},
          {&moe.shared_expert.w3, up.Rows(pairs, pass.rows())}});
}

// h, in place of gate: the routing weight comes in here, before w2.
void Activate(Pass& pass, View2<float> gate, View2<const float> up) {
  const std::size_t k = pass.config.num_experts_per_tok;
  const auto limit = static_cast<float>(pass.config.swiglu_limit);
  const View2<float> weights = ExpertWeights(pass);
  const auto activate = [&](std::size_t row, float weight) {
    kernels::SwiGlu(gate[row], up[row], limit, weight, gate[row]);
    RoundActs(pass.numerics, gate[row]);
  };
  ForEach(pass, pass.rows(), [&](WorkerScratch&, std::size_t t) {
    for (std::size_t j = 0; j < k; ++j) activate(pass.work.expert_slot[t * k + j], weights[t][j]);
    activate(pass.rows() * k + t, 1);
  });
}

// w2 of the active experts into work.grouped_out, of the shared one into work.sub_out.
void ProjectDown(Pass& pass, const Moe& moe, const Grouping& grouping, View2<const float> h,
                 View2<float> grouped_out, View2<float> shared_out) {
  const std::size_t pairs = grouped_out.rows();
  ForgetIntegers(pass);
  SlotInputs inputs(pass, h.Rows(0, pairs), moe.experts[0].w2, {});
  LinearJobs jobs;
  for (const std::uint32_t e : grouping.active) {
    const std::size_t begin = grouping.begin[e], count = grouping.begin[e + 1] - begin;
    inputs.Add(jobs, moe.experts[e].w2, begin, count, grouped_out.Rows(begin, count));
  }
  jobs.Run(pass);
  Linear(pass, h.Rows(pairs, pass.rows()), {{&moe.shared_expert.w2, shared_out}});
}

void Combine(Pass& pass, View2<const float> grouped_out, View2<float> out) {
  const std::size_t k = pass.config.num_experts_per_tok;
  ForEach(pass, pass.rows(), [&](WorkerScratch&, std::size_t t) {
    const std::span<float> y = out[t];  // holds the shared expert's output, which is added last
    for (std::size_t d = 0; d < y.size(); ++d) {
      float sum = 0;
      for (std::size_t j = 0; j < k; ++j) sum += grouped_out[pass.work.expert_slot[t * k + j]][d];
      y[d] = sum + y[d];
    }
    RoundActs(pass.numerics, y);
  });
}

}  // namespace

void MixExperts(Pass& pass, std::size_t layer, const Moe& moe) {
  const Config& c = pass.config;
  const std::size_t pairs = pass.rows() * c.num_experts_per_tok;
  const View2<const float> x = pass.Rows(pass.work.x, c.hidden_size);
  const View2<float> out = pass.Rows(pass.work.sub_out, c.hidden_size);
  const View2<float> gate = pass.work.gate.As(pairs + pass.rows(), c.moe_intermediate_size);
  const View2<float> up = pass.work.up.As(pairs + pass.rows(), c.moe_intermediate_size);
  const View2<float> grouped_out = pass.work.grouped_out.As(pairs, c.hidden_size);

  Route(pass, moe, x);
  if (pass.observer != nullptr) pass.observer->Routed(layer, ExpertIds(pass), ExpertWeights(pass));
  const Grouping grouping = GroupByExpert(pass);
  ProjectUp(pass, moe, grouping, x, gate, up);
  Activate(pass, gate, up);
  ProjectDown(pass, moe, grouping, gate, grouped_out, out);
  Combine(pass, grouped_out, out);
}

}  // namespace hadal::model
