// Manifold-constrained hyper-connections: n residual streams instead of one, read, mixed and written with
// coefficients computed from the streams themselves.
//
//   streams  [tokens, n, dim]
//
//   r        = rsqrt(mean(vec(streams)^2) + norm_eps)
//   logits   = (fn . vec(streams)) * r                          [tokens, (2+n)*n]
//   mix      = HyperMix(logits, scale, base)                    [pre | post | comb]
//   input    = sum_j pre_j * streams_j                          [tokens, dim], what the sub-layer reads
//   streams' = post_j * output + sum_i comb_ij * streams_i      for every j
//
// Source: DeepSeek-V4 inference/model.py, Block.hc_pre and hc_post; mHC, arXiv:2512.24880.
#pragma once
#include <torch/torch.h>

#include "train/hyper_mix.h"
#include "train/weights.h"

namespace hadal::train {

// (fn . vec(streams)) * r, for fn [outputs, n*dim].
torch::Tensor HyperLogits(const torch::Tensor& streams, const torch::Tensor& fn, double norm_eps);

// sum_j mix[:, j] * streams[:, j]; only the first n columns of mix are used.
torch::Tensor HyperRead(const torch::Tensor& streams, const torch::Tensor& mix);

// streams', from mix as made by HyperMix.
torch::Tensor HyperWrite(const torch::Tensor& streams, const torch::Tensor& output,
                         const torch::Tensor& mix);

// The reduction before the head: weights sigmoid(logit * scale + base) + eps, and HyperRead.
torch::Tensor HyperHead(const torch::Tensor& streams, const HyperWeights& weights, double norm_eps,
                        double hc_eps);

}  // namespace hadal::train
