// How fast the engine's own kernels go on a machine, one token at a time, from memory: what `hadal
// plan rates --json` measured. With them a decode prediction needs no share of a limit: each
// component has the rate of the kernel that computes it (kernels/products.h).
//
//   weights      bytes a second of a product with one row, codes and scales read from memory;
//                operations a second of one with many rows (kManyRows), which prompts have
//   memory       bytes a second of reading, beside them
//   index scores, attention over entries
//                operations a second (2 a multiply-add) over stored entries read from memory
//
// All threads together. Not counted, in rates and predictions: element-wise work between the
// products (norms, rotations, mixing of streams), and starting the threads.
#pragma once
#include <array>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "cost/cost_model.h"
#include "kernels/products.h"

namespace hadal::plan {

struct EngineRates {
  std::string source;  // the file, or "this"
  std::size_t threads = 0;
  std::array<double, kernels::kProducts> per_s = {};  // bytes or operations, as products.h says
  std::array<double, kernels::kProducts> many_rows_ops_per_s = {};  // of matrices; or 0: not known
  double read_bytes_per_s = 0;
  double Of(kernels::Product product) const { return per_s[static_cast<std::size_t>(product)]; }
  bool knows_many_rows() const;  // a file of an earlier release does not
};

// At a moment when the memory gives so much: products with one row take their share of it.
EngineRates WhenMemoryGives(EngineRates rates, double read_bytes_per_s);

// {"threads", "kernels": [{"kernel", "per_s"}]}. kInvalid: names the key, the kernel that is
// missing, or the rate that no machine with such memory and so many threads can have.
Result<EngineRates> EngineRatesFromJson(const Json& json, const std::string& name);
Json EngineRatesJson(const EngineRates& rates);

// Of one kind of work: bytes a second of reading it, and operations a second; none: no kernel
// measured limits it.
struct KernelLimits {
  std::optional<double> bytes_per_s, ops_per_s;
  std::string_view name = {};  // "the FP8 kernel"
};
KernelLimits LimitsOf(const EngineRates& rates, cost::Work work);
KernelLimits LimitsOfManyRows(const EngineRates& rates, cost::Work work);

}  // namespace hadal::plan
