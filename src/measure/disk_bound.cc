#include "measure/disk_bound.h"

#include <algorithm>

namespace hadal::measure {

double DecodeBound(const cost::CostModel& cost, const DecodeStep& step, double memory_bytes_per_s,
                   double disk_bytes_per_s) {
  const auto batch = static_cast<double>(step.batch);
  const cost::ByRouting memory =
      cost::PassBytesByRouting(cost, step.depth + 1, batch) * (1 / memory_bytes_per_s);
  const cost::ByRouting disk = step.missed_bytes * (1 / disk_bytes_per_s);
  return batch / (memory.sum() + disk.sum() - cost::HiddenSeconds(disk, memory));
}

double PrefillBound(const PromptRead& prompt, double disk_bytes_per_s) {
  const std::uint64_t chunks = (prompt.tokens + prompt.chunk_tokens - 1) / prompt.chunk_tokens;
  const double read = static_cast<double>(chunks) * prompt.missed_bytes / disk_bytes_per_s;
  return static_cast<double>(prompt.tokens) / std::max(read, prompt.peak_seconds);
}

}  // namespace hadal::measure
