#include "cost/cost_model.h"

#include <algorithm>
#include <cmath>

namespace hadal::cost {
namespace {

std::uint64_t Limit(std::uint64_t value, std::uint64_t limit) {
  return limit == 0 ? value : std::min(value, limit);
}

// floor(1 / r) + floor(2 / r) + ... + floor(n / r)
std::uint64_t SumOfFloors(std::uint64_t n, std::uint64_t r) {
  const std::uint64_t q = (n + 1) / r, rest = (n + 1) % r;  // 0..n: q whole runs of r, then rest
  return r * (q * (q - 1) / 2) + rest * q;
}

bool Counted(const WeightGroup& group) { return group.component != Component::kMtp; }

}  // namespace

const char* ComponentName(Component component) {
  constexpr const char* kNames[kComponents] = {"embedding",
                                               "attention projections",
                                               "attention over entries",
                                               "compressors",
                                               "indexer",
                                               "index scores",
                                               "experts",
                                               "shared experts",
                                               "dense MLP",
                                               "router",
                                               "hyper-connections",
                                               "norms",
                                               "head",
                                               "multi-token prediction",
                                               "other tensors"};
  return kNames[static_cast<std::size_t>(component)];
}

const char* ComponentKey(Component component) {
  constexpr const char* kKeys[kComponents] = {
      "embedding",         "attention", "attention_core", "compressors",  "indexer",
      "index_scores",      "experts",   "shared_experts", "feed_forward", "router",
      "hyper_connections", "norms",     "head",           "mtp",          "other"};
  return kKeys[static_cast<std::size_t>(component)];
}

const char* WorkKey(Work work) {
  constexpr const char* kKeys[kWorks] = {
      "none",     "fp8_matrix", "fp4_experts",    "bf16_matrix", "compressor",
      "output_a", "absorbed",   "core_attention", "index_fp4",   "index_fp8"};
  return kKeys[static_cast<std::size_t>(work)];
}

const char* KvFormatName(KvFormat format) {
  constexpr const char* kNames[kKvFormats] = {"published", "payload", "fp8-indexer",
                                              "unpadded",  "bf16",    "bf16-main"};
  return kNames[static_cast<std::size_t>(format)];
}

std::uint64_t KvGroup::Entries(std::uint64_t tokens) const {
  return Limit(tokens / tokens_per_entry, max_entries);
}

std::uint64_t KvGroup::Reads(std::uint64_t tokens) const {
  return Limit(Entries(tokens), max_read);
}

std::uint64_t KvGroup::ReadsOver(std::uint64_t first, std::uint64_t count) const {
  const auto up_to = [this](std::uint64_t n) {
    const std::uint64_t limit = Limit(Limit(n / tokens_per_entry, max_entries), max_read);
    const std::uint64_t growing = std::min(n, limit * tokens_per_entry);  // below it no limit holds
    return SumOfFloors(growing, tokens_per_entry) + (n - growing) * limit;
  };
  return up_to(first + count) - up_to(first);
}

Parameters ParametersOf(const CostModel& model) {
  Parameters sum;
  for (const WeightGroup& group : model.weights) {
    if (!Counted(group)) {
      sum.mtp += group.parameters;
      continue;
    }
    const bool embedding = group.component == Component::kEmbedding;
    sum.total += group.parameters;
    sum.active += embedding ? 0 : group.active_parameters;
    sum.active_with_embedding += embedding ? group.parameters : group.active_parameters;
  }
  return sum;
}

std::uint64_t WeightBytes(const CostModel& model, Mtp mtp) {
  std::uint64_t bytes = 0;
  for (const WeightGroup& group : model.weights)
    if (Counted(group) || mtp == Mtp::kWith) bytes += group.bytes;
  return bytes;
}

std::array<std::uint64_t, kComponents> WeightBytesByComponent(const CostModel& model) {
  std::array<std::uint64_t, kComponents> bytes = {};
  for (const WeightGroup& group : model.weights)
    bytes[static_cast<std::size_t>(group.component)] += group.bytes;
  return bytes;
}

std::uint64_t KvBytes(const CostModel& model, std::uint64_t tokens, KvFormat format, Mtp mtp) {
  std::uint64_t bytes = 0;
  for (const KvGroup& group : model.kv)
    if (!group.mtp() || mtp == Mtp::kWith)
      bytes += group.layers * group.Bytes(format) * group.Entries(tokens);
  return bytes;
}

double KvBytesPerToken(const CostModel& model, KvFormat format) {
  double bytes = 0;
  for (const KvGroup& group : model.kv)
    if (!group.mtp() && group.max_entries == 0)
      bytes += static_cast<double>(group.layers * group.Bytes(format)) /
               static_cast<double>(group.tokens_per_entry);
  return bytes;
}

std::uint64_t KvFixedBytes(const CostModel& model, KvFormat format) {
  std::uint64_t bytes = 0;
  for (const KvGroup& group : model.kv)
    if (!group.mtp()) bytes += group.layers * group.Bytes(format) * group.max_entries;
  return bytes;
}

MacsByWork DecodeMacs(const CostModel& model, std::uint64_t tokens) {
  MacsByWork macs = {};
  for (const WeightGroup& group : model.weights)
    if (Counted(group)) macs[static_cast<std::size_t>(group.work)] += group.macs;
  for (const KvGroup& group : model.kv)
    if (!group.mtp())
      macs[static_cast<std::size_t>(group.work)] +=
          group.layers * group.macs_per_read * group.Reads(tokens);
  return macs;
}

MacsByComponent DecodeMacsByComponent(const CostModel& model, std::uint64_t tokens) {
  MacsByComponent macs = {};
  for (const WeightGroup& group : model.weights)
    if (Counted(group)) macs[static_cast<std::size_t>(group.component)] += group.macs;
  for (const KvGroup& group : model.kv)
    if (!group.mtp())
      macs[static_cast<std::size_t>(group.component)] +=
          group.layers * group.macs_per_read * group.Reads(tokens);
  return macs;
}

MacsByWork PrefillMacs(const CostModel& model, std::uint64_t first, std::uint64_t count) {
  MacsByWork macs = {};
  for (const WeightGroup& group : model.weights)
    if (Counted(group))
      macs[static_cast<std::size_t>(group.work)] +=
          group.macs * (group.for_logits ? std::min<std::uint64_t>(count, 1) : count);
  for (const KvGroup& group : model.kv)
    if (!group.mtp())
      macs[static_cast<std::size_t>(group.work)] +=
          group.layers * group.prefill_macs_per_read * group.ReadsOver(first, count);
  return macs;
}

std::uint64_t ActiveWeightBytes(const CostModel& model) {
  std::uint64_t bytes = 0;
  for (const WeightGroup& group : model.weights)
    if (Counted(group)) bytes += group.active_bytes;
  return bytes;
}

std::uint64_t KvBytesRead(const CostModel& model, std::uint64_t tokens, KvFormat format) {
  std::uint64_t bytes = 0;
  for (const KvGroup& group : model.kv)
    if (!group.mtp()) bytes += group.layers * group.Bytes(format) * group.Reads(tokens);
  return bytes;
}

BytesByComponent BytesReadByComponent(const CostModel& model, std::uint64_t tokens,
                                      KvFormat format) {
  BytesByComponent bytes = {};
  for (const WeightGroup& group : model.weights)
    if (Counted(group)) bytes[static_cast<std::size_t>(group.component)] += group.active_bytes;
  for (const KvGroup& group : model.kv)
    if (!group.mtp())
      bytes[static_cast<std::size_t>(group.component)] +=
          group.layers * group.Bytes(format) * group.Reads(tokens);
  return bytes;
}

double DistinctExperts(const CostModel& model, double batch) {
  if (model.experts == 0) return 0;
  const auto all = static_cast<double>(model.experts);
  const double missed = 1 - static_cast<double>(model.experts_per_token) / all;
  return all * (1 - std::pow(missed, batch));
}

std::uint64_t ExpertBytes(const CostModel& model) {
  std::uint64_t bytes = 0;
  for (const WeightGroup& group : model.weights)
    if (group.component == Component::kExperts) bytes += group.bytes;
  return bytes;
}

std::uint64_t ActiveExpertBytes(const CostModel& model) {
  std::uint64_t bytes = 0;
  for (const WeightGroup& group : model.weights)
    if (group.component == Component::kExperts) bytes += group.active_bytes;
  return bytes;
}

double PassBytes(const CostModel& model, std::uint64_t tokens, double rows) {
  double experts = 0;
  if (model.experts > 0)
    experts = static_cast<double>(ExpertBytes(model)) * DistinctExperts(model, rows) /
              static_cast<double>(model.experts);
  const double common =
      static_cast<double>(ActiveWeightBytes(model)) - static_cast<double>(ActiveExpertBytes(model));
  return common + experts + rows * static_cast<double>(KvBytesRead(model, tokens));
}

}  // namespace hadal::cost
