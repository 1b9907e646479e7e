#include "cost/accounting.h"

#include <algorithm>
#include <numeric>

#include "base/quote.h"

namespace hadal::cost {
namespace {

constexpr double kTwoThirds = 2.0 / 3.0;

// Columns: none, FP8 matrix, FP4 experts, BF16 matrix, compressor, wo_a, absorbed, core, index FP4,
// FP8.
constexpr FlopAccounting kAccountings[] = {
    {"raw", "every product counts once, whatever its precision", {0, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {"attention",
     "attention over entries in BF16 counts twice, FP4 index scores half",
     {0, 1, 1, 1, 1, 1, 1, 2, 0.5, 1}},
    {"fp8-equivalent",
     "as attention; matrices in BF16 (head, router, mixing, compressors) count twice too",
     {0, 1, 1, 2, 2, 1, 1, 2, 0.5, 1}},
    {"bf16-outputs",
     "as fp8-equivalent; wo_a and V3.2's absorbed matrices in BF16, as the official code has them",
     {0, 1, 1, 2, 2, 2, 2, 2, 0.5, 1}},
    {"fp32-compressors",
     "as bf16-outputs; compressors in FP32 count four times",
     {0, 1, 1, 2, 4, 2, 2, 2, 0.5, 1}},
    {"fast-fp4",
     "as fp8-equivalent; FP4 experts count two thirds, as on hardware to come",
     {0, 1, kTwoThirds, 2, 2, 1, 1, 2, 0.5, 1}},
    {"fp8-indexer", "as fp8-equivalent; V4's index scores in FP8", {0, 1, 1, 2, 2, 1, 1, 2, 1, 1}},
    {"fp8-core",
     "everything counts once but FP4 index scores, half",
     {0, 1, 1, 1, 1, 1, 1, 1, 0.5, 1}},
};

}  // namespace

std::span<const FlopAccounting> FlopAccountings() { return kAccountings; }

Result<const FlopAccounting*> FindFlopAccounting(std::string_view name) {
  std::string names;
  for (const FlopAccounting& accounting : kAccountings) {
    if (accounting.name == name) return &accounting;
    names += names.empty() ? "" : ", ";
    names += accounting.name;
  }
  return Fail(Code::kInvalid, "--flops: found {}, expected one of {}", Quote(name), names);
}

Result<KvFormat> FindKvFormat(std::string_view name) {
  std::string names;
  for (std::size_t i = 0; i < kKvFormats; ++i) {
    const auto format = static_cast<KvFormat>(i);
    if (KvFormatName(format) == name) return format;
    names += names.empty() ? "" : ", ";
    names += KvFormatName(format);
  }
  return Fail(Code::kInvalid, "--kv: found {}, expected one of {}", Quote(name), names);
}

double Flops(const MacsByWork& macs, const FlopAccounting& accounting) {
  double flops = 0;
  for (std::size_t w = 0; w < kWorks; ++w)
    flops += 2 * accounting.weight[w] * static_cast<double>(macs[w]);
  return flops;
}

double PrefillFlops(const CostModel& model, std::uint64_t first, std::uint64_t count,
                    const FlopAccounting& accounting) {
  double flops = 0;
  const auto add = [&](Work work, std::uint64_t macs, std::uint64_t times) {
    flops += 2 * accounting.weight[static_cast<std::size_t>(work)] * static_cast<double>(macs) *
             static_cast<double>(times);
  };
  for (const WeightGroup& group : model.weights)
    if (group.component != Component::kMtp)
      add(group.work, group.macs, group.for_logits ? std::min<std::uint64_t>(count, 1) : count);
  for (const KvGroup& group : model.kv)
    if (!group.mtp())
      add(group.work, group.layers * group.prefill_macs_per_read, group.ReadsOver(first, count));
  return flops;
}

std::uint64_t TotalMacs(const MacsByWork& macs) {
  return std::accumulate(macs.begin(), macs.end(), std::uint64_t{0});
}

}  // namespace hadal::cost
