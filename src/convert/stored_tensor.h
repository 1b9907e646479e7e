// A tensor that a config calls for, as a checkpoint holds it: in any format that can stand for it.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "arch/inventory.h"
#include "base/result.h"
#include "io/checkpoint.h"

namespace hadal::convert {

struct StoredTensor {
  const arch::TensorSpec* spec = nullptr;
  io::TensorView data;
  std::optional<io::TensorView> scale;  // of FP8 and FP4

  const io::TensorView* scale_or_null() const { return scale ? &*scale : nullptr; }
};

// kNotFound, kInvalid: one line that names file, tensor, what was found and what the config asks for.
// The spec outlives the result; the views live as long as the checkpoint.
Result<StoredTensor> FindStored(const io::Checkpoint& checkpoint, const arch::TensorSpec& spec);

// The checkpoint's tensors that none of `stored` is or has as its scale, copies that are shared with
// the model apart.
std::vector<std::string> UnexpectedTensors(const io::Checkpoint& checkpoint,
                                           const std::vector<StoredTensor>& stored);

}  // namespace hadal::convert
