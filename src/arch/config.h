// What config.json says of a model that the engine runs, checked: every field that hadal uses is
// present, of the right type, in range and consistent with the others. Key names are the published
// ones; of V4 the names that Hugging Face's class writes (layer_types, compress_rates,
// mlp_layer_types, rope_parameters) are read too, and must agree where both are given.
// Source: DeepSeek-V4 and V3.2 config.json, inference/model.py ModelArgs; transformers
// DeepseekV4Config.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "tensor/codec.h"

namespace hadal::arch {

struct YarnScaling {
  double factor = 1, beta_fast = 32, beta_slow = 1;
  std::size_t original_max_position_embeddings = 65536;
  double mscale_all_dim = 0;  // V3.2: of the attention scores
};

enum class Architecture { kV4, kV32 };
const char* ModelType(Architecture architecture);  // as config.json names it

// A field that one architecture alone has is 0 in a config of another.
struct Config {
  Architecture architecture = Architecture::kV4;
  std::size_t vocab_size = 0, hidden_size = 0, num_hidden_layers = 0;
  std::size_t num_attention_heads = 0, qk_rope_head_dim = 0;
  std::size_t head_dim = 0;  // of a head and an entry; V3.2: kv_lora_rank + qk_rope_head_dim
  std::size_t q_lora_rank = 0;
  std::size_t o_groups = 0, o_lora_rank = 0, sliding_window = 0;  // V4
  std::size_t index_n_heads = 0, index_head_dim = 0, index_topk = 0;
  std::size_t moe_intermediate_size = 0, n_routed_experts = 0, num_experts_per_tok = 0;
  std::size_t num_hash_layers = 0;  // V4: the first layers, routed by token id
  double routed_scaling_factor = 1;
  double swiglu_limit = 0;                          // V3.2 has none: infinity
  std::size_t hc_mult = 4, hc_sinkhorn_iters = 20;  // V3.2: one stream
  double hc_eps = 1e-6, rms_norm_eps = 1e-6;
  double rope_theta = 10000, compress_rope_theta = 160000;
  YarnScaling rope_scaling;                  // V4: of layers with a compress ratio
  std::vector<std::size_t> compress_ratios;  // V4: one a layer, then one an MTP block: 0, 4 or 128
  // V3.2
  std::size_t kv_lora_rank = 0, qk_nope_head_dim = 0, v_head_dim = 0;
  std::size_t intermediate_size = 0, first_k_dense_replace = 0;  // the first layers: no experts
  std::size_t n_shared_experts = 1, n_group = 0, topk_group = 0;
  ScaleRule scale_rule = ScaleRule::kPowerOfTwo;  // of what is rounded to FP8; V4's is this one
  std::size_t num_nextn_predict_layers = 0;       // MTP blocks: 0 or 1
  std::size_t max_position_embeddings = 0;
  std::optional<std::size_t> bos_token_id;
  std::vector<std::size_t> eos_token_id;  // each of them ends a text; may be empty

  // The channels of an entry without a rotation, the ones stored as FP8.
  std::size_t nope_dim() const { return head_dim - qk_rope_head_dim; }
  // Whether a routing weight multiplies what an expert gives, not what its last product reads.
  bool weighs_outputs() const { return architecture == Architecture::kV32; }
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
// quantised: adds quantization_config (and V4's expert_dtype), as for a published checkpoint.
// V3.2's scale_fmt is in it, and without it in the config itself.
Json ConfigToJson(const Config& config, bool quantised);

}  // namespace hadal::arch
