// The tensors of a DeepSeek-V3.2 checkpoint, for arch/inventory.cc alone. Embedding and head, which
// the release repeats below the MTP block, are the model's own here.
// Source: DeepSeek-V3.2-Exp, model.safetensors.index.json (names) and inference/model.py (shapes).
#pragma once
#include <vector>

#include "arch/inventory.h"

namespace hadal::arch {

std::vector<TensorSpec> V32Tensors(const Config& config);

}  // namespace hadal::arch
