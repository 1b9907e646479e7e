// Small random DeepSeek-V3.2 checkpoints in the published format: config.json, tensor names, dtypes
// and shapes.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "tensor/codec.h"

namespace hadal::reference::v32 {

struct CheckpointSpec {
  std::uint64_t seed = 1;
  std::optional<ScaleRule> fp8 = ScaleRule::kPowerOfTwo;  // none: BF16, without quantisation
  std::size_t shards = 1;
  std::size_t vocab = 61, dim = 64, layers = 3, dense_layers = 1, heads = 3;
  std::size_t rank = 48, nope = 20, rope = 16, value = 24, q_lora = 40;
  std::size_t index_heads = 4, index_dim = 32, index_topk = 9;
  std::size_t dense_inner = 72, inner = 32, experts = 8, topk = 2, groups = 4, kept_groups = 2;
  std::size_t shared = 1;
  bool mtp = true, yarn = true;
  double yarn_factor = 8, mscale = 1, rope_theta = 10000, norm_eps = 1e-6, routed_scaling = 2.5;
};

// Writes into an existing folder.
Status WriteRandomCheckpoint(const CheckpointSpec& spec, const std::string& directory);

}  // namespace hadal::reference::v32
