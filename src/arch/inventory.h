// Every tensor of a published checkpoint of a given config: what it is, its name, shape and stored
// format. The one list that loading, inspecting, converting, training and counting checkpoints
// walk. Source: DeepSeek-V4 checkpoints, model.safetensors.index.json (names) and
// inference/model.py (shapes).
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "arch/config.h"
#include "arch/tensor_names.h"
#include "tensor/stored_format.h"

namespace hadal::arch {

struct TensorSpec {
  TensorId id;
  std::string name;
  TensorShape shape;                         // of the numbers: FP4 weights are not counted in pairs
  StoredFormat format = StoredFormat::kF32;  // as published

  std::uint64_t elements() const;
  bool trained() const;  // a parameter, as opposed to the hash layers' tables
};

// In the order of the model: embedding, layers, final norm, head, MTP.
std::vector<TensorSpec> TensorsOf(const Config& config);

// Parameters as papers count them: without scales and tables, MTP apart, FP4 weights one by one.
struct ParameterCount {
  std::uint64_t total = 0;   // without MTP
  std::uint64_t active = 0;  // of those, what one token passes through; without the embedding
  std::uint64_t mtp = 0;
};
ParameterCount CountParameters(const Config& config);

}  // namespace hadal::arch
