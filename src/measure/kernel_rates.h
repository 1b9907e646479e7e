// How fast the engine's kernels go on this machine: one token's products with weights colder than
// the caches, index scores and attention over stored entries, many rows' products with one matrix,
// and reading memory beside them. What `hadal plan` predicts decoding and prefill from.
#pragma once
#include <string_view>
#include <vector>

#include "base/result.h"
#include "machine/measure.h"

namespace hadal::measure {

struct KernelRate {
  std::string_view kernel;  // the key of kernels/products.h, or cost/engine_products.h
  const char* unit;         // "bytes", or "operations"
  machine::Samples per_s;
};

// Every product of kernels/products.h in its order, then its matrices with many rows (a row for
// each MiB of `bytes`, cost::kManyRows at most), then reading memory. Takes a few seconds, and five
// times `bytes` of memory: of each weight format so many, or one matrix. Shapes are V4-Flash's.
// kExhausted: no memory.
Result<std::vector<KernelRate>> MeasureKernels(std::size_t thread_count,
                                               std::size_t bytes = std::size_t{256} << 20);

}  // namespace hadal::measure
