// What functions with gradients need of LibTorch's tensors to multiply them by
// train/matrix_product.h.
#pragma once
#include <torch/torch.h>

#include "train/matrix_product.h"

namespace hadal::train {

// x [rows, cols], contiguous.
template <class T>
Matrix<T> DenseOf(const torch::Tensor& x) {
  return Dense<T>(x.data_ptr<T>(), x.size(0), x.size(1));
}

// From the way forward to the way back.
inline void SaveProducts(torch::autograd::AutogradContext* context, Products products) {
  context->saved_data["bf16"] = products == Products::kBf16;
}
inline Products SavedProducts(torch::autograd::AutogradContext* context) {
  return context->saved_data["bf16"].toBool() ? Products::kBf16 : Products::kF32;
}

}  // namespace hadal::train
