#include "cost/streamed.h"

#include <algorithm>

namespace hadal::cost {
namespace {

ByRouting Parts(std::uint64_t by_token, std::uint64_t all) {
  const double share = all == 0 ? 0 : static_cast<double>(by_token) / static_cast<double>(all);
  return {share, 1 - share, 0};
}

}  // namespace

ByRouting& ByRouting::operator+=(const ByRouting& other) {
  by_token += other.by_token;
  by_score += other.by_score;
  outside += other.outside;
  return *this;
}

ByRouting operator*(const ByRouting& parts, double times) {
  return {parts.by_token * times, parts.by_score * times, parts.outside * times};
}

ByRouting SharesOf(const WeightGroup& group) {
  if (group.for_logits || group.component == Component::kEmbedding) return {0, 0, 1};
  return Parts(group.by_token, group.tensors);
}

ByRouting SharesOf(const KvGroup& group) { return Parts(group.by_token, group.layers); }

ByRouting ExpertBytesByRouting(const CostModel& model, double rows) {
  ByRouting bytes;
  if (model.experts == 0) return bytes;
  const double times = DistinctExperts(model, rows) / static_cast<double>(model.experts_per_token);
  for (const WeightGroup& group : model.weights)
    if (group.component == Component::kExperts)
      bytes += SharesOf(group) * (static_cast<double>(group.active_bytes) * times);
  return bytes;
}

ByRouting PassBytesByRouting(const CostModel& model, std::uint64_t tokens, double rows) {
  ByRouting bytes = ExpertBytesByRouting(model, rows);
  for (const WeightGroup& group : model.weights)
    if (group.component != Component::kExperts && group.component != Component::kMtp)
      bytes += SharesOf(group) * static_cast<double>(group.active_bytes);
  for (const KvGroup& group : model.kv)
    if (!group.mtp())
      bytes += SharesOf(group) *
               (rows * static_cast<double>(group.layers * group.Bytes(KvFormat::kPublished) *
                                           group.Reads(tokens)));
  return bytes;
}

double HiddenSeconds(const ByRouting& disk, const ByRouting& rest, double guessed) {
  return std::min(disk.by_token, rest.by_token) + std::min(guessed * disk.by_score, rest.by_score);
}

}  // namespace hadal::cost
