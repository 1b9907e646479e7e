#include "cost/weight_list.h"

#include <algorithm>

namespace hadal::cost {

void WeightList::Add(const Tensor& t) {
  std::size_t at = groups_.size();  // tensors of a kind follow each other: look from the end
  while (at > 0 && (groups_[at - 1].name != t.name || groups_[at - 1].component != t.component))
    --at;
  if (at == 0) {
    groups_.push_back({.name = std::string(t.name),
                       .component = t.component,
                       .work = t.work,
                       .for_logits = t.for_logits});
    shares_.push_back({t.active, t.of, t.uses, 0});
    at = groups_.size();
  }
  WeightGroup& group = groups_[at - 1];
  const std::uint64_t elements = t.count * t.rows * t.cols;
  group.tensors += t.count;
  group.parameters += t.trained ? elements : 0;
  group.bytes += t.count * StoredBytes(t.stored, t.rows, t.cols);
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
