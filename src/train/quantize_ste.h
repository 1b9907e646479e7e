// Values as the published format would store them, for quantisation-aware training: the forward
// pass computes with the rounded value, the gradient passes straight through to the original.
// The bits are those of tensor/codec.h; float64 is rounded through float32.
#pragma once
#include <torch/torch.h>

#include <cstdint>

namespace hadal::train {

torch::Tensor StoredBf16(const torch::Tensor& x);
torch::Tensor StoredFp8(const torch::Tensor& weight);  // [out, in], 128x128 blocks
torch::Tensor StoredFp4(const torch::Tensor& x);       // [..., width], 32 neighbours share a scale

// A key-value entry [..., width]: the first nope_dim channels FP8 with a scale per 64, the rest
// BF16.
torch::Tensor StoredKv(const torch::Tensor& x, std::int64_t nope_dim);

// y = H x over the last axis, H[i][j] = (-1)^popcount(i & j) * width^-0.5, width a power of two.
// Not a rounding; H is its own inverse and gradient.
torch::Tensor Hadamard(const torch::Tensor& x);

}  // namespace hadal::train
