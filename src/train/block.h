// One layer of the model: two sub-layers, attention and experts, each behind a hyper-connection.
#pragma once
#include <torch/torch.h>

#include "train/attention.h"
#include "train/weights.h"

namespace hadal::train {

struct BlockResult {
  torch::Tensor streams;       // [batch*tokens, hc_mult, dim]
  torch::Tensor load;          // [experts] int64
  torch::Tensor indexer_loss;  // undefined where there is none
  torch::Tensor balance_loss;  // undefined in hash layers
};

// ids [batch, tokens]: what hash layers route by.
BlockResult RunBlock(const torch::Tensor& streams, const torch::Tensor& ids,
                     const BlockWeights& weights, const Pass& pass);

// hc_head, norm: [batch*tokens, dim], of the streams after the last layer; the head's matrix makes
// the logits of it.
torch::Tensor HeadInput(const torch::Tensor& streams, const HeadWeights& weights, const Pass& pass);

// Multi-token prediction: at t, the main model's streams of t and the embedding of token t+1 make
// the streams of a block of its own; its logits predict token t+2. next_ids [batch, tokens]: token
// t+1.
struct MtpResult {
  BlockResult block;
  torch::Tensor head_input;  // as HeadInput
};
MtpResult RunMtp(const torch::Tensor& streams, const torch::Tensor& next_ids,
                 const ModelWeights& weights, const Pass& pass);

}  // namespace hadal::train
