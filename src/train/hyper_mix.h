// The mixing coefficients of a hyper-connection, from its logits per token.
//
//   logits  [tokens, (2+n)*n]  n streams: [pre n | post n | comb n*n row-major]
//           [tokens, n]        only pre
//   scale   [3] or [1]         of pre, post, comb
//   base    [(2+n)*n] or [n]
//   result  as logits
//
//   pre_j   = sigmoid(logit * scale[0] + base) + eps
//   post_j  = 2 * sigmoid(logit * scale[1] + base)
//   comb_ij = Sinkhorn(logit * scale[2] + base), i the source stream, j the destination
//
// Sinkhorn: softmax over j, + eps; columns / (sum + eps); then iterations - 1 times rows / (sum +
// eps), columns / (sum + eps). Backward recomputes the Sinkhorn steps; nothing but the logits is
// kept.
// Unconstrained, all three are tanh(logit) * scale + base.
// Source: DeepSeek-V4 inference/kernel.py, hc_split_sinkhorn; unconstrained: dynamic
// hyper-connections, arXiv:2409.19606.
#pragma once
#include <torch/torch.h>

#include <cstdint>

namespace hadal::train {

struct HyperMixOptions {
  std::int64_t streams = 4, iterations = 20;
  double eps = 1e-6;
  bool constrained = true;
};

torch::Tensor HyperMix(const torch::Tensor& logits, const torch::Tensor& scale,
                       const torch::Tensor& base, const HyperMixOptions& options);

namespace plain {  // train/plain.h
torch::Tensor HyperMix(const torch::Tensor& logits, const torch::Tensor& scale,
                       const torch::Tensor& base, const HyperMixOptions& options);
}

struct HyperMixGradients {
  torch::Tensor logits, scale, base;
};
// dmix: gradient of the result.
HyperMixGradients HyperMixBackward(const torch::Tensor& logits, const torch::Tensor& scale,
                                   const torch::Tensor& base, const torch::Tensor& dmix,
                                   const HyperMixOptions& options);

}  // namespace hadal::train
