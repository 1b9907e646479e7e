// Small random checkpoints in the published format: config.json, tensor names, dtypes and shapes.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace hadal::reference {

enum class Storage {
  kF32,        // every linear F32
  kBf16,       // every linear BF16
  kPublished,  // FP8 attention and shared experts, packed FP4 experts, as released
  kMixed,      // each linear in a format of its own
};

struct CheckpointSpec {
  std::uint64_t seed = 1;
  Storage storage = Storage::kF32;
  std::size_t shards = 1;
  std::size_t vocab = 61, dim = 64, heads = 4, head_dim = 80, rope_dim = 16;
  std::size_t q_lora = 48, o_groups = 2, o_lora = 32, window = 8;
  std::size_t index_heads = 8, index_dim = 32, index_topk = 4;
  std::size_t inter = 32, experts = 6, topk = 2, hash_layers = 1;
  std::vector<std::size_t> ratios = {0, 4, 128, 4};  // one a layer
  bool mtp = true;
  double routed_scaling = 1.5, swiglu_limit = 2;
  std::size_t yarn_original = 64;
};

// Writes into an existing folder.
Status WriteRandomCheckpoint(const CheckpointSpec& spec, const std::string& directory);

}  // namespace hadal::reference
