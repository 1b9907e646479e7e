// One attention sub-layer: queries, window keys, compressed entries, attention, grouped output.
//
//   q_r = RMSNorm(wq_a x);  q = RoPE(headnorm(wq_b q_r))       headnorm: RMSNorm without weight
//   kv  = RoPE(RMSNorm(wkv x))                                 one key = value for all heads
//   entries = RoPE(Compress(x)), at each block's first position   (ratio 4 and 128)
//   o   = inverse RoPE(AttentionCore(q, kv, entries))          at the query's position
//   y   = wo_b [wo_a_g o_g for each group g of heads]
// Source: DeepSeek-V4 inference/model.py, Attention.
#pragma once
#include <torch/torch.h>

#include "train/document_plan.h"
#include "train/rotary.h"
#include "train/v4_model.h"
#include "train/weights.h"

namespace hadal::train {

// What every layer of one forward pass shares.
struct Pass {
  const arch::Config& config;
  const ForwardOptions& options;
  Residual residual;
  DocumentPlan plan;
  RotaryTable window_rotary, compressed_rotary;  // of ratio-0 layers; of the others
};

struct SublayerResult {
  torch::Tensor y;
  torch::Tensor indexer_loss;  // undefined where there is none
};

// x [batch*tokens, dim], already normalised.
SublayerResult AttentionLayer(const torch::Tensor& x, const AttentionWeights& weights,
                              const Pass& pass);

}  // namespace hadal::train
