// How fast the engine's own kernels go on a machine, one token at a time, from memory: what `hadal plan
// rates --json` measured. With them a decode prediction needs no share of a limit: each component has
// the rate of the kernel that computes it.
//
//   weights      bytes a second of a product with one row, codes and scales read from memory
//   memory       bytes a second of reading, beside them
//   index scores, attention over entries
//                operations a second (2 a multiply-add) over stored entries read from memory
//
// All threads together. Not counted, in rates and predictions: element-wise work between the products
// (norms, rotations, mixing of streams), and starting the threads.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "cost/cost_model.h"

namespace hadal::plan {

// The kernels, with their keys in JSON.
inline constexpr std::string_view kBf16Kernel = "bf16_matrix", kFp8Kernel = "fp8_matrix",
                                  kFp4Kernel = "fp4_matrix", kIndexKernel = "index_scores",
                                  kAttentionKernel = "attention", kMemoryRead = "memory_read";

struct EngineRates {
  std::string source;  // the file, or "this"
  std::size_t threads = 0;
  double bf16_bytes_per_s = 0, fp8_bytes_per_s = 0, fp4_bytes_per_s = 0;
  double index_ops_per_s = 0, attention_ops_per_s = 0;
  double read_bytes_per_s = 0;
};

// At a moment when the memory gives so much: products with one row take their share of it.
EngineRates WhenMemoryGives(EngineRates rates, double read_bytes_per_s);

// {"threads", "kernels": [{"kernel", "per_s"}]}. kInvalid: names the key, or the kernel that is missing.
Result<EngineRates> EngineRatesFromJson(const Json& json, const std::string& name);
Json EngineRatesJson(const EngineRates& rates);

// Of one kind of work: bytes a second of reading it, and operations a second; none: no kernel measured
// limits it.
struct KernelLimits {
  std::optional<double> bytes_per_s, ops_per_s;
  const char* name = "";  // "the FP8 kernel"
};
KernelLimits LimitsOf(const EngineRates& rates, cost::Work work);

}  // namespace hadal::plan
