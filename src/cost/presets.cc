#include "cost/presets.h"

#include <string>

#include "base/check.h"
#include "cost/describe.h"

namespace hadal::cost {
namespace {

// Source: DeepSeek-V4-Flash and -Pro config.json.
constexpr std::string_view kFlash =
    R"({"model_type": "deepseek_v4", "torch_dtype": "bfloat16", "vocab_size": 129280,
 "hidden_size": 4096, "num_hidden_layers": 43, "num_attention_heads": 64, "num_key_value_heads": 1,
 "head_dim": 512, "qk_rope_head_dim": 64, "q_lora_rank": 1024, "o_groups": 8, "o_lora_rank": 1024,
 "sliding_window": 128, "index_n_heads": 64, "index_head_dim": 128, "index_topk": 512,
 "moe_intermediate_size": 2048, "n_routed_experts": 256, "n_shared_experts": 1,
 "num_experts_per_tok": 6, "num_hash_layers": 3, "scoring_func": "sqrtsoftplus",
 "topk_method": "noaux_tc", "norm_topk_prob": true, "routed_scaling_factor": 1.5,
 "hidden_act": "silu", "swiglu_limit": 10.0, "hc_mult": 4, "hc_sinkhorn_iters": 20, "hc_eps": 1e-06,
 "rms_norm_eps": 1e-06, "rope_theta": 10000, "compress_rope_theta": 160000,
 "rope_scaling": {"type": "yarn", "factor": 16, "beta_fast": 32, "beta_slow": 1,
                  "original_max_position_embeddings": 65536},
 "compress_ratios": [0, 0, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128,
                     4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 0],
 "num_nextn_predict_layers": 1, "max_position_embeddings": 1048576, "tie_word_embeddings": false,
 "bos_token_id": 0, "eos_token_id": 1, "expert_dtype": "fp4",
 "quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "scale_fmt": "ue8m0",
                         "activation_scheme": "dynamic", "weight_block_size": [128, 128]}})";

constexpr std::string_view kPro =
    R"({"model_type": "deepseek_v4", "torch_dtype": "bfloat16", "vocab_size": 129280,
 "hidden_size": 7168, "num_hidden_layers": 61, "num_attention_heads": 128, "num_key_value_heads": 1,
 "head_dim": 512, "qk_rope_head_dim": 64, "q_lora_rank": 1536, "o_groups": 16, "o_lora_rank": 1024,
 "sliding_window": 128, "index_n_heads": 64, "index_head_dim": 128, "index_topk": 1024,
 "moe_intermediate_size": 3072, "n_routed_experts": 384, "n_shared_experts": 1,
 "num_experts_per_tok": 6, "num_hash_layers": 3, "scoring_func": "sqrtsoftplus",
 "topk_method": "noaux_tc", "norm_topk_prob": true, "routed_scaling_factor": 2.5,
 "hidden_act": "silu", "swiglu_limit": 10.0, "hc_mult": 4, "hc_sinkhorn_iters": 20, "hc_eps": 1e-06,
 "rms_norm_eps": 1e-06, "rope_theta": 10000, "compress_rope_theta": 160000,
 "rope_scaling": {"type": "yarn", "factor": 16, "beta_fast": 32, "beta_slow": 1,
                  "original_max_position_embeddings": 65536},
 "compress_ratios": [128, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128,
                     4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128,
                     4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 128, 4, 0],
 "num_nextn_predict_layers": 1, "max_position_embeddings": 1048576, "tie_word_embeddings": false,
 "bos_token_id": 0, "eos_token_id": 1, "expert_dtype": "fp4",
 "quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "scale_fmt": "ue8m0",
                         "activation_scheme": "dynamic", "weight_block_size": [128, 128]}})";

// Source: DeepSeek-V3.2-Exp config.json. Its file may hold an MTP block, which is not counted here.
constexpr std::string_view kV32 =
    R"({"model_type": "deepseek_v32", "vocab_size": 129280, "hidden_size": 7168, "num_hidden_layers": 61,
 "num_attention_heads": 128, "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
 "qk_rope_head_dim": 64, "v_head_dim": 128, "intermediate_size": 18432,
 "moe_intermediate_size": 2048, "first_k_dense_replace": 3, "moe_layer_freq": 1,
 "n_routed_experts": 256, "n_shared_experts": 1, "num_experts_per_tok": 8, "index_n_heads": 64,
 "index_head_dim": 128, "index_topk": 2048,
 "num_nextn_predict_layers": 0, "max_position_embeddings": 163840, "tie_word_embeddings": false,
 "quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128]}})";

// No published model: V4-Pro's depth, width and vocabulary with attention as most open models have it,
// 8 KV heads of 128 in BF16, and a dense MLP. What to compare a KV cache with.
constexpr std::string_view kGqa8 =
    R"({"model_type": "llama", "torch_dtype": "bfloat16", "vocab_size": 129280, "hidden_size": 7168,
 "num_hidden_layers": 61, "num_attention_heads": 56, "num_key_value_heads": 8, "head_dim": 128,
 "intermediate_size": 18432, "attention_bias": false, "mlp_bias": false,
 "max_position_embeddings": 1048576, "tie_word_embeddings": false})";

// models/embedded/config.json; a test compares them.
constexpr std::string_view kEmbedded =
    R"({"model_type": "deepseek_v4", "torch_dtype": "bfloat16", "vocab_size": 4096, "hidden_size": 256,
 "num_hidden_layers": 6, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 128,
 "qk_rope_head_dim": 64, "q_lora_rank": 128, "o_groups": 2, "o_lora_rank": 128, "sliding_window":
 64, "index_n_heads": 4, "index_head_dim": 64, "index_topk": 32, "moe_intermediate_size": 128,
 "n_routed_experts": 8, "n_shared_experts": 1, "num_experts_per_tok": 2, "num_hash_layers": 1,
 "scoring_func": "sqrtsoftplus", "topk_method": "noaux_tc", "norm_topk_prob": true,
 "routed_scaling_factor": 1.5, "hidden_act": "silu", "swiglu_limit": 10.0, "hc_mult": 4,
 "hc_sinkhorn_iters": 20, "hc_eps": 1e-06, "rms_norm_eps": 1e-06, "rope_theta": 10000.0,
 "compress_rope_theta": 160000.0, "rope_scaling": {"type": "yarn", "factor": 16.0, "beta_fast":
 32.0, "beta_slow": 1.0, "original_max_position_embeddings": 65536}, "compress_ratios": [0, 4, 128,
 4, 128, 4, 0], "num_nextn_predict_layers": 1, "max_position_embeddings": 1048576,
 "tie_word_embeddings": false, "bos_token_id": 0, "eos_token_id": 1, "expert_dtype": "fp4",
 "quantization_config": {"quant_method": "fp8", "activation_scheme": "dynamic", "fmt": "e4m3",
 "scale_fmt": "ue8m0", "weight_block_size": [128, 128]}})";

constexpr Preset kPresets[] = {
    {"v4-flash", "V4-Flash", "DeepSeek-V4-Flash, 284B, FP8 + FP4", kFlash},
    {"v4-pro", "V4-Pro", "DeepSeek-V4-Pro, 1.6T, FP8 + FP4", kPro},
    {"v3.2", "V3.2", "DeepSeek-V3.2, 671B, FP8, without its MTP block", kV32},
    {"gqa8", "GQA-8 BF16", "a dense baseline: 61 layers, 8 KV heads of 128, BF16", kGqa8},
    {"embedded", "embedded", "the small model that comes with the program", kEmbedded},
};

}  // namespace

std::span<const Preset> Presets() { return kPresets; }

const Preset* FindPreset(std::string_view key) {
  for (const Preset& preset : kPresets)
    if (preset.key == key) return &preset;
  return nullptr;
}

CostModel DescribePreset(std::string_view key) {
  const Preset* preset = FindPreset(key);
  HADAL_CHECK(preset != nullptr);
  const Result<Json> config = ParseJson(preset->config);
  HADAL_CHECK(config.ok());
  Result<CostModel> model = Describe(*config, std::string(preset->name));
  HADAL_CHECK(model.ok());
  return std::move(*model);
}

}  // namespace hadal::cost
