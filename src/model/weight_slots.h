// Where in a Model a tensor of the list goes, by its role; for model/weights.cc alone.
#pragma once
#include <cstdint>
#include <vector>

#include "arch/tensor_names.h"
#include "model/weights.h"

namespace hadal::model {

// One of these is not null.
struct Slot {
  Weight* matrix = nullptr;
  Vector* vector = nullptr;
  float* number = nullptr;
  std::vector<Weight>* groups = nullptr;        // a matrix, cut into groups of rows
  LatentHeads* heads = nullptr;                 // a matrix, cut into the heads' two
  std::vector<std::uint32_t>* table = nullptr;  // experts
};

// `id` is of the model's list, and room for it was made.
Slot SlotOf(Model& model, const arch::TensorId& id);

}  // namespace hadal::model
