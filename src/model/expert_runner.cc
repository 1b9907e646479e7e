#include "model/expert_runner.h"

#include <algorithm>
#include <vector>

#include "kernels/rows.h"
#include "kernels/swiglu.h"

namespace hadal::model {
namespace {

// Gives experts back, also where computing with them throws.
struct Releasing {
  ExpertSource& source;
  std::size_t layer;
  std::span<const HeldExpert> held;
  ~Releasing() { source.Release(layer, held); }
};

// Slots whose experts are at hand, as rows one after another.
struct Group {
  struct Member {
    const Expert* expert;
    std::size_t row, slot, count;  // where its rows begin in the group, and in the work
  };
  std::vector<Member> members;
  std::size_t rows = 0;
};

Group GroupOf(const ExpertWork& work, std::span<const HeldExpert> held) {
  Group group;
  for (const ExpertSlots& slots : work.experts) {
    const auto found = std::ranges::find(held, slots.expert, &HeldExpert::expert);
    if (found == held.end()) continue;
    group.members.push_back({&found->weights, group.rows, slots.first, slots.count});
    group.rows += slots.count;
  }
  return group;
}

// The work's values of the group's slots, in its order.
template <class T>
std::span<const T> Gather(const Group& group, std::span<const T> of_slots, Arena::Scope& scope) {
  const std::span<T> values = scope.Take<T>(group.rows);
  for (const Group::Member& member : group.members)
    std::ranges::copy(of_slots.subspan(member.slot, member.count),
                      values.begin() + static_cast<std::ptrdiff_t>(member.row));
  return values;
}

// The group's inputs out of the rows': integer rows are picked where they lie, float32 ones are
// copied behind one another, if a weight takes them. Whether those are rounded goes by the layer's
// first expert, for all alike: in a layer that mixes formats nothing may depend on who else is in
// the batch.
LinearInput PickInput(const Context& context, const ExpertWork& work, const Group& group,
                      std::span<const std::uint32_t> pick, Arena::Scope& scope) {
  LinearInput picked{.plain = {}, .rounded = {}, .integers = work.x.integers};
  for (kernels::QuantizedRows& rows : picked.integers) rows.pick = pick;
  const auto takes_integers = [&](const Weight& w) { return TakesIntegers(context.numerics, w); };
  if (std::ranges::all_of(group.members, [&](const Group::Member& member) {
        return takes_integers(member.expert->w1) && takes_integers(member.expert->w3);
      }))
    return picked;
  const bool rounded = TakesRounded(work.moe.experts[0].w1) && work.x.rounded.data() != nullptr;
  const View2<float> copy = scope.Take<float>(pick.size(), work.x.plain.cols());
  kernels::GatherRows(rounded ? work.x.rounded : work.x.plain, pick, copy, context.threads);
  picked.plain = picked.rounded = copy;
  return picked;
}

void RunGroup(const Context& context, const ExpertWork& work, const Group& group, View2<float> y,
              Arena& arena) {
  Arena::Scope scope(arena);
  const std::size_t inter = context.config.moe_intermediate_size;
  const auto pick = Gather(group, work.row, scope);
  const auto weight = Gather(group, work.weight, scope);
  const LinearInput x = PickInput(context, work, group, pick, scope);
  const View2<float> gate = scope.Take<float>(group.rows, inter);
  const View2<float> up = scope.Take<float>(group.rows, inter);
  LinearJobs in_jobs, out_jobs;
  std::vector<const Weight*> out_weights = {&work.moe.experts[0].w2};
  for (const auto& [expert, row, slot, count] : group.members) {
    in_jobs.Add(context, x.Rows(row, count), expert->w1, gate.Rows(row, count));
    in_jobs.Add(context, x.Rows(row, count), expert->w3, up.Rows(row, count));
    out_weights.push_back(&expert->w2);
  }
  in_jobs.Run(context);
  const bool weigh_outputs = context.config.weighs_outputs();
  Activate(context, up, weigh_outputs ? std::span<const float>() : weight, gate);
  const LinearInput h = PrepareInput(context, gate, out_weights, scope);
  for (const auto& [expert, row, slot, count] : group.members)
    out_jobs.Add(context, h.Rows(row, count), expert->w2, y.Rows(slot, count));
  out_jobs.Run(context);
  if (!weigh_outputs) return;
  for (const auto& [expert, row, slot, count] : group.members)
    kernels::WeighRows(weight.subspan(row, count), y.Rows(slot, count), context.threads);
}

}  // namespace

void Activate(const Context& context, View2<const float> up, std::span<const float> weights,
              View2<float> gate) {
  kernels::SwiGlu(gate, up, static_cast<float>(context.config.swiglu_limit), weights, gate,
                  context.threads);
  RoundActs(context, gate);
}

void ExpertRunner::Guess(std::size_t /*layer*/, std::span<const std::uint32_t> /*experts*/) {}

void LocalExpertRunner::Guess(std::size_t layer, std::span<const std::uint32_t> experts) {
  source_.Guess(layer, experts);
}

void LocalExpertRunner::Announce(std::size_t layer, std::span<const std::uint32_t> experts) {
  source_.Announce(layer, experts);
}

Status LocalExpertRunner::Run(const Context& context, const ExpertWork& work, View2<float> y,
                              Arena& arena) {
  std::vector<std::uint32_t> wanted;
  for (const ExpertSlots& slots : work.experts) wanted.push_back(slots.expert);
  const Stop never, &stop = context.stop != nullptr ? *context.stop : never;
  while (!wanted.empty()) {
    HADAL_TRY(const std::vector<HeldExpert> held, source_.Acquire(work.layer, wanted, stop));
    {
      const Releasing releasing{source_, work.layer, held};
      RunGroup(context, work, GroupOf(work, held), y, arena);
    }
    std::erase_if(wanted, [&](std::uint32_t expert) {
      return std::ranges::find(held, expert, &HeldExpert::expert) != held.end();
    });
  }
  return Unit{};
}

std::size_t LocalExpertRunner::Bytes(const arch::Config& c, std::size_t slots) {
  return Arena::BytesOf<std::uint32_t>(slots) + Arena::BytesOf<float>(slots) +
         Arena::BytesOf<float>(slots, c.hidden_size) +
         2 * Arena::BytesOf<float>(slots, c.moe_intermediate_size) +
         LinearInputBytes(slots, c.moe_intermediate_size);
}

}  // namespace hadal::model
