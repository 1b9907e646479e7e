// The writing half of config.h: a Config in the published key names.
#include "arch/config_json.h"

#include <utility>

#include "arch/config_v32.h"

namespace hadal::arch {

void SetTokens(const Config& c, Json* json) {
  if (c.bos_token_id) json->Set("bos_token_id", std::uint64_t{*c.bos_token_id});
  if (c.eos_token_id.size() == 1) json->Set("eos_token_id", std::uint64_t{c.eos_token_id[0]});
  if (c.eos_token_id.size() > 1) {
    Json::Array ids;
    for (const std::size_t id : c.eos_token_id) ids.emplace_back(std::uint64_t{id});
    json->Set("eos_token_id", std::move(ids));
  }
}

Json ConfigToJson(const Config& c, bool quantised) {
  if (c.architecture == Architecture::kV32) return V32ToJson(c, quantised);
  Json json;
  json.Set("architectures", Json::Array{"DeepseekV4ForCausalLM"});
  json.Set("model_type", ModelType(c.architecture));
  json.Set("torch_dtype", "bfloat16");
  const auto size = [&](const char* key, std::size_t value) {
    json.Set(key, std::uint64_t{value});
  };
  size("vocab_size", c.vocab_size);
  size("hidden_size", c.hidden_size);
  size("num_hidden_layers", c.num_hidden_layers);
  size("num_attention_heads", c.num_attention_heads);
  size("num_key_value_heads", 1);
  size("head_dim", c.head_dim);
  size("qk_rope_head_dim", c.qk_rope_head_dim);
  size("q_lora_rank", c.q_lora_rank);
  size("o_groups", c.o_groups);
  size("o_lora_rank", c.o_lora_rank);
  size("sliding_window", c.sliding_window);
  size("index_n_heads", c.index_n_heads);
  size("index_head_dim", c.index_head_dim);
  size("index_topk", c.index_topk);
  size("moe_intermediate_size", c.moe_intermediate_size);
  size("n_routed_experts", c.n_routed_experts);
  size("n_shared_experts", 1);
  size("num_experts_per_tok", c.num_experts_per_tok);
  size("num_hash_layers", c.num_hash_layers);
  json.Set("scoring_func", "sqrtsoftplus");
  json.Set("topk_method", "noaux_tc");
  json.Set("norm_topk_prob", true);
  json.Set("routed_scaling_factor", c.routed_scaling_factor);
  json.Set("hidden_act", "silu");
  json.Set("swiglu_limit", c.swiglu_limit);
  size("hc_mult", c.hc_mult);
  size("hc_sinkhorn_iters", c.hc_sinkhorn_iters);
  json.Set("hc_eps", c.hc_eps);
  json.Set("rms_norm_eps", c.rms_norm_eps);
  json.Set("rope_theta", c.rope_theta);
  json.Set("compress_rope_theta", c.compress_rope_theta);
  json.Set("rope_scaling",
           Json::MakeObject({{"type", "yarn"},
                             {"factor", c.rope_scaling.factor},
                             {"beta_fast", c.rope_scaling.beta_fast},
                             {"beta_slow", c.rope_scaling.beta_slow},
                             {"original_max_position_embeddings",
                              std::uint64_t{c.rope_scaling.original_max_position_embeddings}}}));
  Json::Array ratios;
  for (const std::size_t ratio : c.compress_ratios) ratios.emplace_back(std::uint64_t{ratio});
  json.Set("compress_ratios", std::move(ratios));
  size("num_nextn_predict_layers", c.num_nextn_predict_layers);
  size("max_position_embeddings", c.max_position_embeddings);
  json.Set("tie_word_embeddings", false);
  SetTokens(c, &json);
  if (quantised) {
    json.Set("expert_dtype", "fp4");
    json.Set("quantization_config",
             Json::MakeObject({{"quant_method", "fp8"},
                               {"activation_scheme", "dynamic"},
                               {"fmt", "e4m3"},
                               {"scale_fmt", "ue8m0"},
                               {"weight_block_size", Json::Array{128, 128}}}));
  }
  return json;
}

}  // namespace hadal::arch
