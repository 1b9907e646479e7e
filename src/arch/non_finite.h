// Numbers of a checkpoint that are not finite: NaN and infinity in F64, F32, BF16, F16 and E5M2,
// NaN codes of E4M3 weights and of E8M0 scales. Computing with them is wrong without a word
// (docs/numerics.md), so who wants to know reads every byte once.
#pragma once
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "io/checkpoint.h"
#include "tensor/stored_format.h"

namespace hadal::arch {

struct NonFinite {
  std::string tensor;
  std::uint64_t count = 0;
  std::vector<TensorShape> first = {};  // indices of the first few, [slow, ..., fast]
};

// One line: where, and how many more.
std::string Describe(const NonFinite& found);

// Of one tensor; count 0: none. Formats of integers have none, nor FP4 and FP6.
NonFinite FindNonFinite(const std::string& name, const io::TensorView& tensor);

// Of all tensors, by name. kCancelled: `cancel` was set meanwhile.
Result<std::vector<NonFinite>> FindAllNonFinite(const io::Checkpoint& checkpoint,
                                                Progress& progress,
                                                const std::atomic<bool>& cancel);

}  // namespace hadal::arch
