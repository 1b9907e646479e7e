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

// The choices in the order of experts: expert e has the slots [begin[e], begin[e + 1]).
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
  const arch::Config& c = pass.config;
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

// Sorts the (row, choice) pairs by expert, rows in order, into work.expert_slot and back.
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
    pass.work.slot_weight[slot] = pass.work.expert_weights[i];
  }
  return grouping;
}

// A part of the slots, and f(expert, first slot of the part, count) for its experts.
struct Slots {
  std::size_t begin, end;
  template <class F>
  void ForExperts(const Grouping& grouping, F&& f) const {
    for (const std::uint32_t e : grouping.active) {
      const std::size_t first = std::max<std::size_t>(begin, grouping.begin[e]);
      const std::size_t last = std::min<std::size_t>(end, grouping.begin[e + 1]);
      if (first < last) f(e, first - begin, last - first);
    }
  }
};

// Inputs of routed experts for one part of the slots after the other, as integers or in float32, made when
// first asked for. Integers of rows are made once for all parts.
class SlotInputs {
 public:
  // Slot s is row pick[s] of x; pick empty: row s. `first` is the first expert's weight: whether float32
  // inputs are rounded to FP8 goes by it.
  SlotInputs(Pass& pass, View2<const float> x, const Weight& first,
             std::span<const std::uint32_t> pick)
      : pass_(pass), x_(x), first_(first), pick_(pick) {}

  void BeginPart(Slots slots) {
    slots_ = slots;
    floats_ = {};
  }

  // The products of slots [begin, begin + count) of the part.
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
      part.data += (slots_.begin + begin) * part.stride;
    else
      part.pick = pick_.subspan(slots_.begin + begin, count);
    jobs.integers.push_back({part, w, y});
  }

 private:
  View2<const float> Floats() {
    if (floats_.data() != nullptr) return floats_;
    const View2<const float> in = LinearInputOf(pass_, x_, first_);
    const std::size_t count = slots_.end - slots_.begin;
    if (pick_.empty()) return floats_ = in.Rows(slots_.begin, count);
    const View2<float> grouped = pass_.work.grouped_x.As(count, x_.cols());
    ForEach(pass_, count, [&](WorkerScratch&, std::size_t slot) {
      std::ranges::copy(in[pick_[slots_.begin + slot]], grouped[slot].begin());
    });
    return floats_ = grouped;
  }

  Pass& pass_;
  View2<const float> x_, floats_;
  const Weight& first_;
  std::span<const std::uint32_t> pick_;
  Slots slots_{0, 0};
  std::array<std::optional<kernels::QuantizedRows>, 2> integers_;
};

// h = swiglu(gate, up), in place of gate: the routing weight comes in here, before w2.
void Activate(Pass& pass, View2<float> gate, View2<const float> up,
              std::span<const float> weights) {
  const auto limit = static_cast<float>(pass.config.swiglu_limit);
  ForEach(pass, gate.rows(), [&](WorkerScratch&, std::size_t t) {
    kernels::SwiGlu(gate[t], up[t], limit, weights.empty() ? 1 : weights[t], gate[t]);
    RoundActs(pass.numerics, gate[t]);
  });
}

void ShareExpert(Pass& pass, const Expert& expert, View2<const float> x, View2<float> out) {
  const std::size_t inter = pass.config.moe_intermediate_size;
  const View2<float> gate = pass.work.gate.As(x.rows(), inter);
  const View2<float> up = pass.work.up.As(x.rows(), inter);
  Linear(pass, x, {{&expert.w1, gate}, {&expert.w3, up}});
  Activate(pass, gate, up, {});
  Linear(pass, gate, {{&expert.w2, out}});
}

// The routed experts' outputs for a part of the slots, into work.grouped_out.
void RunExperts(Pass& pass, const Moe& moe, const Grouping& grouping, Slots slots,
                SlotInputs& x_inputs) {
  const std::size_t count = slots.end - slots.begin, inter = pass.config.moe_intermediate_size;
  const View2<float> gate = pass.work.gate.As(count, inter), up = pass.work.up.As(count, inter);
  const View2<float> out = pass.work.grouped_out.As(count, pass.config.hidden_size);
  LinearJobs jobs;
  x_inputs.BeginPart(slots);
  slots.ForExperts(grouping, [&](std::size_t e, std::size_t first, std::size_t n) {
    x_inputs.Add(jobs, moe.experts[e].w1, first, n, gate.Rows(first, n));
    x_inputs.Add(jobs, moe.experts[e].w3, first, n, up.Rows(first, n));
  });
  jobs.Run(pass);
  Activate(pass, gate, up, pass.work.slot_weight.span().subspan(slots.begin, count));
  const std::size_t used = pass.work.integers_used;
  SlotInputs h_inputs(pass, gate, moe.experts[0].w2, {});
  h_inputs.BeginPart({0, count});
  jobs = {};
  slots.ForExperts(grouping, [&](std::size_t e, std::size_t first, std::size_t n) {
    h_inputs.Add(jobs, moe.experts[e].w2, first, n, out.Rows(first, n));
  });
  jobs.Run(pass);
  pass.work.integers_used = used;
}

// Adds a part's outputs to their rows. A row's slots ascend with its experts.
void Combine(Pass& pass, Slots slots, View2<float> out) {
  const std::size_t k = pass.config.num_experts_per_tok;
  const View2<const float> parts =
      pass.work.grouped_out.As(slots.end - slots.begin, pass.config.hidden_size);
  ForEach(pass, pass.rows(), [&](WorkerScratch&, std::size_t t) {
    for (std::size_t j = 0; j < k; ++j) {
      const std::size_t slot = pass.work.expert_slot[t * k + j];
      if (slot < slots.begin || slot >= slots.end) continue;
      const std::span<const float> part = parts[slot - slots.begin];
      const std::span<float> y = out[t];
      for (std::size_t d = 0; d < y.size(); ++d) y[d] += part[d];
    }
  });
}

}  // namespace

void MixExperts(Pass& pass, std::size_t layer, const Moe& moe) {
  const std::size_t pairs = pass.rows() * pass.config.num_experts_per_tok;
  const View2<const float> x = pass.Rows(pass.work.x, pass.config.hidden_size);
  const View2<float> out = pass.Rows(pass.work.sub_out, pass.config.hidden_size);

  Route(pass, moe, x);
  if (pass.observer != nullptr) pass.observer->Routed(layer, ExpertIds(pass), ExpertWeights(pass));
  const Grouping grouping = GroupByExpert(pass);
  ShareExpert(pass, moe.shared_expert, x, out);
  ForgetIntegers(pass);
  SlotInputs inputs(pass, x, moe.experts[0].w1, pass.work.slot_row.span().first(pairs));
  for (std::size_t begin = 0; begin < pairs; begin += pass.work.slots) {
    const Slots slots{begin, std::min(begin + pass.work.slots, pairs)};
    RunExperts(pass, moe, grouping, slots, inputs);
    Combine(pass, slots, out);
  }
  RoundActs(pass, out);
}

}  // namespace hadal::model
