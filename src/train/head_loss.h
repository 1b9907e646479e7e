// The last product and the loss in one: the sum over rows of -weight log softmax(w x)[target].
// Logits are the largest tensor of a step; here they become their own gradient where they lie, so
// that none of their size is written beside them and each is exponentiated once.
//
//   x        [rows, dim]    float32 or float64
//   w        [vocab, dim]   of x's type
//   targets  [rows] int64; `ignored`: the row adds nothing, and costs nothing
//   weights  [rows] of x's type; undefined: all 1
//
// Numbers  the composition of Linear and LibTorch's cross_entropy; `products` rounds weight times
//          (softmax - onehot), of which the composition rounds the multiple by the gradient of the
//          sum
#pragma once
#include <torch/torch.h>

#include <cstdint>

#include "train/matrix_product.h"

namespace hadal::train {

torch::Tensor HeadLoss(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& targets,
                       std::int64_t ignored, Products products, const torch::Tensor& weights = {});

namespace plain {  // train/plain.h
torch::Tensor HeadLoss(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& targets,
                       std::int64_t ignored, Products products, const torch::Tensor& weights = {});
}

}  // namespace hadal::train
