#include "cost/weight_list.h"

#include <algorithm>

namespace hadal::cost {
namespace {

std::uint64_t Blocks(std::uint64_t n, std::uint64_t size) { return (n + size - 1) / size; }

}  // namespace

std::uint64_t StoredBytes(std::uint64_t rows, std::uint64_t cols, Stored stored) {
  switch (stored) {
    case Stored::kF32:
      return rows * cols * 4;
    case Stored::kHalf:
      return rows * cols * 2;
    case Stored::kFp8:
      return rows * cols + Blocks(rows, 128) * Blocks(cols, 128);
    case Stored::kFp8F32Scale:
      return rows * cols + Blocks(rows, 128) * Blocks(cols, 128) * 4;
    case Stored::kFp4:
      return rows * (cols / 2) + rows * (cols / 32);
    case Stored::kI64:
      return rows * cols * 8;
  }
  return 0;
}

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
  group.bytes += t.count * StoredBytes(t.rows, t.cols, t.stored);
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
