// The model's tensors, by the part that uses them. Handles only: they share memory with the
// module's parameters, or are their stored (quantised) values in quantisation-aware training.
#pragma once
#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "arch/config.h"
#include "arch/tensor_names.h"

namespace hadal::train {

struct HyperWeights {
  torch::Tensor fn, base, scale;
};

struct CompressorWeights {
  torch::Tensor wkv, wgate, ape, norm;
};

struct IndexerWeights {
  torch::Tensor wq_b, weights_proj;
  CompressorWeights compressor;
};

struct AttentionWeights {
  torch::Tensor wq_a, q_norm, wq_b, wkv, kv_norm, attn_sink, wo_a, wo_b;
  std::int64_t ratio = 0;  // 0: neither compressor nor indexer
  CompressorWeights compressor;
  IndexerWeights indexer;  // ratio 4 only
};

struct ExpertWeights {  // routed: stacked [experts, ., .]; shared: [., .]
  torch::Tensor w1, w2, w3;
};

struct MoeWeights {
  torch::Tensor gate;
  torch::Tensor bias;     // score-routed
  torch::Tensor tid2eid;  // hash-routed; undefined otherwise
  ExpertWeights experts, shared;
};

struct BlockWeights {
  torch::Tensor attn_norm, ffn_norm;
  HyperWeights hc_attn, hc_ffn;
  AttentionWeights attn;
  MoeWeights ffn;
};

struct HeadWeights {
  HyperWeights hc;
  torch::Tensor norm;
};

struct MtpWeights {
  BlockWeights block;
  torch::Tensor e_proj, h_proj, enorm, hnorm;
  HeadWeights head;
};

struct ModelWeights {
  torch::Tensor embed, head_weight;
  HeadWeights head;
  std::vector<BlockWeights> layers;
  std::optional<MtpWeights> mtp;
};

// lookup: the parameter that holds a tensor, of the routed experts the stack (schema.h).
using Lookup = std::function<torch::Tensor(const arch::TensorId& id)>;
ModelWeights BindWeights(const arch::Config& config, const Lookup& lookup);

}  // namespace hadal::train
