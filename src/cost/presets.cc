#include "cost/presets.h"

#include <string>

#include "arch/shapes.h"
#include "base/check.h"
#include "cost/describe.h"

namespace hadal::cost {
namespace {

// No published model: V4-Pro's depth, width and vocabulary with attention as most open models have
// it,
// 8 KV heads of 128 in BF16, and a dense MLP. What to compare a KV cache with.
constexpr std::string_view kGqa8 =
    R"({"model_type": "llama", "torch_dtype": "bfloat16", "vocab_size": 129280, "hidden_size": 7168,
 "num_hidden_layers": 61, "num_attention_heads": 56, "num_key_value_heads": 8, "head_dim": 128,
 "intermediate_size": 18432, "attention_bias": false, "mlp_bias": false,
 "max_position_embeddings": 1048576, "tie_word_embeddings": false})";

// models/embedded/config.json; a test compares them.
constexpr std::string_view kEmbedded =
    R"({"model_type": "deepseek_v4", "torch_dtype": "bfloat16", "vocab_size": 4096,
 "hidden_size": 256, "num_hidden_layers": 6,
 "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 144,
 "qk_rope_head_dim": 16, "q_lora_rank": 128, "o_groups": 2, "o_lora_rank": 128, "sliding_window":
 128, "index_n_heads": 4, "index_head_dim": 64, "index_topk": 32, "moe_intermediate_size": 128,
 "n_routed_experts": 8, "n_shared_experts": 1, "num_experts_per_tok": 2, "num_hash_layers": 1,
 "scoring_func": "sqrtsoftplus", "topk_method": "noaux_tc", "norm_topk_prob": true,
 "routed_scaling_factor": 1.5, "hidden_act": "silu", "swiglu_limit": 10.0, "hc_mult": 4,
 "hc_sinkhorn_iters": 20, "hc_eps": 1e-06, "rms_norm_eps": 1e-06, "rope_theta": 10000.0,
 "compress_rope_theta": 200.0, "rope_scaling": {"type": "yarn", "factor": 1.0, "beta_fast":
 32.0, "beta_slow": 1.0, "original_max_position_embeddings": 1048576}, "compress_ratios": [0, 4, 4,
 128, 4, 4, 0], "num_nextn_predict_layers": 1, "max_position_embeddings": 1048576,
 "tie_word_embeddings": false, "bos_token_id": 0, "eos_token_id": 1, "expert_dtype": "fp4",
 "quantization_config": {"quant_method": "fp8", "activation_scheme": "dynamic", "fmt": "e4m3",
 "scale_fmt": "ue8m0", "weight_block_size": [128, 128]}})";

Json Parsed(std::string_view text) {
  Result<Json> json = ParseJson(text);
  HADAL_CHECK(json.ok());
  return std::move(*json);
}

// Its published file holds an MTP block, which the release's figures do not count.
Json V32WithoutMtp() {
  return arch::ConfigToJson(arch::ChangeShape(arch::V32Shape(), {.mtp = false}).value(), true);
}

constexpr Preset kPresets[] = {
    {"v4-flash", "V4-Flash", "DeepSeek-V4-Flash, 284B, FP8 + FP4",
     [] { return arch::ConfigToJson(arch::FlashShape(), true); }},
    {"v4-pro", "V4-Pro", "DeepSeek-V4-Pro, 1.6T, FP8 + FP4",
     [] { return arch::ConfigToJson(arch::ProShape(), true); }},
    {"v3.2", "V3.2", "DeepSeek-V3.2, 671B, FP8, without its MTP block", V32WithoutMtp},
    {"gqa8", "GQA-8 BF16", "a dense baseline: 61 layers, 8 KV heads of 128, BF16",
     [] { return Parsed(kGqa8); }},
    {"embedded", "embedded", "the small model that comes with the program",
     [] { return Parsed(kEmbedded); }},
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
  Result<CostModel> model = Describe(preset->config(), std::string(preset->name));
  HADAL_CHECK(model.ok());
  return std::move(*model);
}

}  // namespace hadal::cost
