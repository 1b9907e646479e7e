// How FLOPs of different precision are added up. A published "27 % of the FLOPs" depends on it, so
// each way has a name and nothing is fitted: the unit is one FLOP of an FP8 product, and a kind of
// work counts `weight` of them. docs/plan.md says which of these reproduces which published figure.
#pragma once
#include <array>
#include <span>
#include <string_view>

#include "base/result.h"
#include "cost/cost_model.h"

namespace hadal::cost {

struct FlopAccounting {
  std::string_view name;   // "fp8-equivalent"
  std::string_view about;  // one line
  std::array<double, kWorks> weight;
};

std::span<const FlopAccounting> FlopAccountings();
// kInvalid: lists the names.
Result<const FlopAccounting*> FindFlopAccounting(std::string_view name);
Result<KvFormat> FindKvFormat(std::string_view name);

// Of `count` tokens after `first` others, as Flops(PrefillMacs(...)), where those exceed 64 bits
// too.
double PrefillFlops(const CostModel& model, std::uint64_t first, std::uint64_t count,
                    const FlopAccounting& accounting);
double Flops(const MacsByWork& macs, const FlopAccounting& accounting);  // 2 * sum of weighted MACs
std::uint64_t TotalMacs(const MacsByWork& macs);

}  // namespace hadal::cost
