#include "plan/engine_rates.h"

#include <utility>

#include "arch/config_fields.h"

namespace hadal::plan {
namespace {

struct Slot {
  std::string_view kernel;
  double EngineRates::*rate;
};
constexpr Slot kSlots[] = {{kBf16Kernel, &EngineRates::bf16_bytes_per_s},
                           {kFp8Kernel, &EngineRates::fp8_bytes_per_s},
                           {kFp4Kernel, &EngineRates::fp4_bytes_per_s},
                           {kIndexKernel, &EngineRates::index_ops_per_s},
                           {kAttentionKernel, &EngineRates::attention_ops_per_s},
                           {kMemoryRead, &EngineRates::read_bytes_per_s}};

}  // namespace

Result<EngineRates> EngineRatesFromJson(const Json& json, const std::string& name) {
  EngineRates rates;
  rates.source = name;
  arch::Fields fields(json, name);
  fields.Size("threads", 1, 1 << 16, &rates.threads);
  if (!fields.ok()) return fields.error();
  const Json* list = json.Find("kernels");
  if (list == nullptr || list->AsArray() == nullptr)
    return Fail(Code::kInvalid, "{}: kernels: expected what `hadal plan rates --json` prints",
                name);
  for (const Json& item : *list->AsArray()) {
    const Json* kernel = item.Find("kernel");
    for (const Slot& slot : kSlots) {
      if (kernel == nullptr || kernel->AsString() == nullptr || *kernel->AsString() != slot.kernel)
        continue;
      arch::Fields row(item, fmt::format("{}: {}", name, slot.kernel));
      row.Number("per_s", 1, 1e18, &(rates.*slot.rate));
      if (!row.ok()) return row.error();
    }
  }
  for (const Slot& slot : kSlots)
    if (rates.*slot.rate == 0)
      return Fail(Code::kInvalid, "{}: kernels: found no {}, expected its rate", name, slot.kernel);
  return rates;
}

EngineRates WhenMemoryGives(EngineRates rates, double read_bytes_per_s) {
  const double ratio = read_bytes_per_s / rates.read_bytes_per_s;
  rates.bf16_bytes_per_s *= ratio;
  rates.fp8_bytes_per_s *= ratio;
  rates.fp4_bytes_per_s *= ratio;
  rates.read_bytes_per_s = read_bytes_per_s;
  return rates;
}

Json EngineRatesJson(const EngineRates& rates) {
  Json json = Json::MakeObject({{"source", rates.source}, {"threads", rates.threads}});
  for (const Slot& slot : kSlots) json.Set(std::string(slot.kernel), rates.*slot.rate);
  return json;
}

KernelLimits LimitsOf(const EngineRates& rates, cost::Work work) {
  switch (work) {
    case cost::Work::kFp8Matrix:
    case cost::Work::kOutputA:
      return {rates.fp8_bytes_per_s, {}, "the FP8 kernel"};
    case cost::Work::kFp4Experts:
      return {rates.fp4_bytes_per_s, {}, "the FP4 kernel"};
    case cost::Work::kBf16Matrix:
    case cost::Work::kCompressor:
      return {rates.bf16_bytes_per_s, {}, "the BF16 kernel"};
    case cost::Work::kIndexFp4:
      return {{}, rates.index_ops_per_s, "the index kernel"};
    case cost::Work::kCoreAttention:
      return {{}, rates.attention_ops_per_s, "the attention kernel"};
    default:
      return {};
  }
}

}  // namespace hadal::plan
