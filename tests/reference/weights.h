// The reference model's configuration and weights, read from a published checkpoint directory.
// Names are the published ones.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "reference/numbers.h"

namespace hadal::reference {

struct Config {
  std::size_t vocab = 0, dim = 0, layers = 0, heads = 0, head_dim = 0, rope_dim = 0;
  std::size_t o_groups = 0, window = 0;
  std::size_t index_heads = 0, index_dim = 0, index_topk = 0;
  std::size_t experts = 0, topk = 0, hash_layers = 0, mtp_blocks = 0;
  double routed_scaling = 1, swiglu_limit = 0, hc_eps = 0, norm_eps = 0;
  std::size_t hc_iterations = 0;
  double rope_theta = 0, compress_rope_theta = 0;
  double yarn_factor = 1, yarn_beta_fast = 32, yarn_beta_slow = 1, yarn_original = 0;
  std::vector<std::size_t> ratios;  // one a layer, then one an MTP block
};

struct HyperConnection {
  Matrix fn;  // [24, 4 dim]; of an output head: [4, 4 dim]
  Row base, scale;
};

struct Compressor {
  Matrix wkv, wgate;
  Matrix ape;  // [ratio, width]
  Row norm;
};

struct Indexer {
  Matrix wq_b, weights_proj;
  Compressor compressor;
};

struct Attention {
  Matrix wq_a, wq_b, wkv, wo_a, wo_b;
  Row q_norm, kv_norm, sink;
  std::optional<Compressor> compressor;
  std::optional<Indexer> indexer;
};

struct Expert {
  Matrix w1, w2, w3;
};

struct Moe {
  Matrix gate;
  Row bias;                          // empty in hash layers
  std::vector<std::size_t> tid2eid;  // [vocab, topk] in hash layers
  std::vector<Expert> experts;
  Expert shared;
};

struct Layer {
  HyperConnection hc_attn, hc_ffn;
  Row attn_norm, ffn_norm;
  Attention attn;
  Moe ffn;
};

struct Mtp {
  Layer layer;
  Matrix e_proj, h_proj;
  Row enorm, hnorm, norm;
  HyperConnection hc_head;
};

struct Weights {
  Matrix embed, head;
  Row norm;
  HyperConnection hc_head;
  std::vector<Layer> layers;
  std::optional<Mtp> mtp;
};

struct Loaded {
  Config config;
  Weights weights;
};
Result<Loaded> LoadWeights(const std::string& directory);

}  // namespace hadal::reference
