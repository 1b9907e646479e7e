// Manifold-constrained hyper-connections: n residual streams instead of one, read, mixed and
// written with coefficients computed from the streams themselves.
//
//   streams  [tokens, n, dim]
//
//   r        = rsqrt(mean(vec(streams)^2) + norm_eps)
//   logits   = (fn . vec(streams)) * r                          [tokens, (2+n)*n]
//   mix      = HyperMix(logits, scale, base)                    [pre | post | comb]
//   input    = sum_j pre_j * streams_j                          [tokens, dim], to the sub-layer
//   streams' = post_j * output + sum_i comb_ij * streams_i      for every j
//
// The reduction before the head is a HyperRead whose mix has only `pre`.
// The logits are computed in float32 whatever `products` says, as in the published code; it decides
// how their gradient is carried back.
// Source: DeepSeek-V4 inference/model.py, Block.hc_pre and hc_post; mHC, arXiv:2512.24880.
#pragma once
#include <torch/torch.h>

#include "train/hyper_mix.h"
#include "train/matrix_product.h"
#include "train/weights.h"

namespace hadal::train {

struct HyperReadResult {
  torch::Tensor input;  // [tokens, dim]
  torch::Tensor mix;    // [tokens, (2+n)*n], or [tokens, n]
  torch::Tensor
      streams;  // the streams again: hand these to HyperWrite, and their gradient comes back
                // through HyperRead's backward, which adds up all there is in one pass
};
HyperReadResult HyperRead(const torch::Tensor& streams, const HyperWeights& weights,
                          double norm_eps, const HyperMixOptions& options, Products products);

// streams'
torch::Tensor HyperWrite(const torch::Tensor& streams, const torch::Tensor& output,
                         const torch::Tensor& mix);

namespace plain {  // train/plain.h; the gradient of the logits is carried back in float32 too
HyperReadResult HyperRead(const torch::Tensor& streams, const HyperWeights& weights,
                          double norm_eps, const HyperMixOptions& options);
torch::Tensor HyperWrite(const torch::Tensor& streams, const torch::Tensor& output,
                         const torch::Tensor& mix);
}  // namespace plain

}  // namespace hadal::train
