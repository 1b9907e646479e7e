#include "cost/weight_list.h"

#include <algorithm>

namespace hadal::cost {
namespace {

Work WorkOf(arch::Number number) {
  if (number == arch::Number::kFp8) return Work::kFp8Matrix;
  return number == arch::Number::kFp4 ? Work::kFp4Experts : Work::kBf16Matrix;
}

}  // namespace

void WeightList::Add(const Tensor& t) {
  if (t.module.count == 0) return;
  const Held held = held_(t.module);
  const Work work = t.work.value_or(WorkOf(held.number));
  const auto same = [&](const WeightGroup& group) {
    return group.name == t.name && group.component == t.component && group.work == work;
  };
  std::size_t at = groups_.size();  // tensors of a kind follow each other: look from the end
  while (at > 0 && !same(groups_[at - 1])) --at;
  if (at == 0) {
    groups_.push_back({.name = std::string(t.name),
                       .component = t.component,
                       .work = work,
                       .for_logits = t.for_logits});
    shares_.push_back({t.active, t.of, t.uses, 0});
    at = groups_.size();
  }
  WeightGroup& group = groups_[at - 1];
  const std::uint64_t elements = t.module.count * t.module.rows * t.module.cols;
  group.tensors += t.module.count;
  group.by_token += t.by_token ? t.module.count : 0;
  group.parameters += t.trained ? elements : 0;
  group.bytes += held.bytes;
  shares_[at - 1].elements += elements;
}

std::vector<WeightGroup> WeightList::Take() && {
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    WeightGroup& group = groups_[i];
    const Share& share = shares_[i];
    const auto active = [&](std::uint64_t all) {  // all * active / of, without the large product
      return all / share.of * share.active + all % share.of * share.active / share.of;
    };
    group.active_parameters = active(group.parameters);
    group.active_bytes = active(group.bytes);
    group.macs = group.work == Work::kNone ? 0 : active(share.elements) * share.uses;
  }
  return std::move(groups_);
}

}  // namespace hadal::cost
