// What config.json says of a DeepSeek-V4 model, checked: every field that hadal uses is present, of
// the right type, in range and consistent with the others. Key names are the published ones; the
// names that Hugging Face's class writes (layer_types, compress_rates, mlp_layer_types,
// rope_parameters) are read too, and must agree where both are given.
// Source: DeepSeek-V4 config.json, inference/model.py ModelArgs; transformers DeepseekV4Config.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hadal::arch {

struct YarnScaling {
  double factor = 1, beta_fast = 32, beta_slow = 1;
  std::size_t original_max_position_embeddings = 65536;
};

struct Config {
  std::size_t vocab_size = 0, hidden_size = 0, num_hidden_layers = 0;
  std::size_t num_attention_heads = 0, head_dim = 0, qk_rope_head_dim = 0;
  std::size_t q_lora_rank = 0, o_groups = 0, o_lora_rank = 0;
  std::size_t sliding_window = 0;
  std::size_t index_n_heads = 0, index_head_dim = 0, index_topk = 0;
  std::size_t moe_intermediate_size = 0, n_routed_experts = 0, num_experts_per_tok = 0;
  std::size_t num_hash_layers = 0;  // the first layers, routed by token id
  double routed_scaling_factor = 1, swiglu_limit = 0;
  std::size_t hc_mult = 4, hc_sinkhorn_iters = 20;
  double hc_eps = 1e-6, rms_norm_eps = 1e-6;
  double rope_theta = 10000, compress_rope_theta = 160000;
  YarnScaling rope_scaling;                  // of layers with a compress ratio
  std::vector<std::size_t> compress_ratios;  // one a layer, then one an MTP block: 0, 4 or 128
  std::size_t num_nextn_predict_layers = 0;  // MTP blocks: 0 or 1
  std::size_t max_position_embeddings = 0;
  std::optional<std::size_t> bos_token_id;
  std::vector<std::size_t> eos_token_id;  // each of them ends a text; may be empty

  // The NoPE channels of a head, the ones stored as FP8.
  std::size_t nope_dim() const { return head_dim - qk_rope_head_dim; }
  // The residual stream of a token, all hc_mult of them.
  std::size_t stream_dim() const { return hc_mult * hidden_size; }
};

inline constexpr std::size_t kCsaRatio = 4, kHcaRatio = 128;

// kInvalid or kUnsupported: "config.json: <field>: found <value>, expected ...". Unknown keys that
// cannot change the result are ignored; known keys with values hadal does not implement are errors.
Result<Config> ParseConfig(const Json& json);
// The same, whatever quantization_config says: of a checkpoint that is counted and not run.
Result<Config> ParseShape(const Json& json);

// config.json in the published key names; ParseConfig reads it back unchanged.
// fp8_fp4: adds quantization_config and expert_dtype, as for a checkpoint of that format.
Json ConfigToJson(const Config& config, bool fp8_fp4);

}  // namespace hadal::arch
