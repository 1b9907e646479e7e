#include "arch/config_v32.h"

#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "arch/config_bounds.h"
#include "arch/config_json.h"

namespace hadal::arch {
namespace {

void ReadSizes(Fields& fields, Config& c) {
  fields.Size("vocab_size", 1, kMaxVocab, &c.vocab_size);
  fields.Size("hidden_size", 1, kMaxDim, &c.hidden_size);
  fields.Size("num_hidden_layers", 1, kMaxLayers, &c.num_hidden_layers);
  fields.Size("num_attention_heads", 1, kMaxHeads, &c.num_attention_heads);
  fields.Size("q_lora_rank", 1, kMaxDim, &c.q_lora_rank);
  fields.Size("kv_lora_rank", 1, kMaxHeadDim, &c.kv_lora_rank);
  fields.Size("qk_nope_head_dim", 1, kMaxHeadDim, &c.qk_nope_head_dim);
  fields.Size("qk_rope_head_dim", 2, kMaxHeadDim, &c.qk_rope_head_dim);
  fields.Size("v_head_dim", 1, kMaxHeadDim, &c.v_head_dim);
  fields.Size("index_n_heads", 1, kMaxHeads, &c.index_n_heads);
  fields.Size("index_head_dim", 1, kMaxIndexDim, &c.index_head_dim);
  fields.Size("index_topk", 1, kMaxPositions, &c.index_topk);
  fields.Size("intermediate_size", 1, kMaxDim, &c.intermediate_size);
  fields.Size("moe_intermediate_size", 1, kMaxDim, &c.moe_intermediate_size);
  fields.Size("first_k_dense_replace", 0, kMaxLayers, &c.first_k_dense_replace);
  fields.Size("n_routed_experts", 1, kMaxExperts, &c.n_routed_experts);
  fields.Size("n_shared_experts", 1, 64, &c.n_shared_experts);
  fields.Size("num_experts_per_tok", 1, kMaxExperts, &c.num_experts_per_tok);
  fields.Size("n_group", 1, kMaxExperts, &c.n_group);
  fields.Size("topk_group", 1, kMaxExperts, &c.topk_group);
  fields.Size("num_nextn_predict_layers", 0, 1, &c.num_nextn_predict_layers);
  fields.Size("max_position_embeddings", 1, kMaxPositions, &c.max_position_embeddings);
  c.head_dim = c.kv_lora_rank + c.qk_rope_head_dim;
}

void ReadNumbers(Fields& fields, Config& c) {
  fields.Number("routed_scaling_factor", 1e-6, 1e6, &c.routed_scaling_factor);
  fields.Number("rms_norm_eps", 1e-30, 0.1, &c.rms_norm_eps);
}

// Keys that could ask for another computation: what they may say, and which must be there.
void CheckFixed(Fields& fields) {
  const auto required = [&](const char* key, const char* value) {
    if (fields.ok() && !fields.Has(key))
      fields.Refuse(Code::kInvalid, key, fmt::format("\"{}\"", value));
    fields.Only(key, value);
  };
  required("scoring_func", "sigmoid");
  required("topk_method", "noaux_tc");
  fields.Only("norm_topk_prob", true);
  fields.Only("hidden_act", "silu");
  fields.Only("tie_word_embeddings", false);
  fields.Only("attention_bias", false);
  fields.Only("moe_layer_freq", 1);
  fields.Only("ep_size", 1);
  fields.Only("index_topk_freq", 1);  // indexers that several layers share
  // Which channels a rotation pairs, as later configs spell it out.
  fields.Only("rope_interleave", true);
  fields.Only("indexer_rope_interleave", false);
  fields.Absent({"compress_ratios", "indexer_types"});
}

// One object of scaling; none: no scaling, and no factor of the scores either.
void ReadYarn(Fields& sub, YarnScaling* yarn) {
  if (!sub.ok()) return;
  const char* key = sub.Has("rope_type") ? "rope_type" : "type";
  std::size_t type = 0;
  sub.Choice(key, {"yarn", "default"}, &type);
  if (!sub.ok() || type == 1) return;
  sub.Number("factor", 1, 1e6, &yarn->factor);
  sub.Number("beta_fast", 1e-6, 1e9, &yarn->beta_fast);
  sub.Number("beta_slow", 1e-6, 1e9, &yarn->beta_slow);
  sub.Size("original_max_position_embeddings", 1, kMaxPositions,
           &yarn->original_max_position_embeddings);
  double mscale = 0;
  sub.Number("mscale", 0, 100, &mscale);
  sub.Number("mscale_all_dim", 0, 100, &yarn->mscale_all_dim);
  sub.Only("attention_factor", 1);
  sub.Only("truncate", true);
  if (sub.ok() && yarn->beta_slow >= yarn->beta_fast)
    sub.Refuse(Code::kInvalid, "beta_slow", fmt::format("less than beta_fast {}", yarn->beta_fast));
  // Their ratio scales cosines and sines.
  if (sub.ok() && mscale != yarn->mscale_all_dim)
    sub.Refuse(Code::kUnsupported, "mscale",
               fmt::format("mscale_all_dim {}", yarn->mscale_all_dim));
}

YarnScaling ReadScaling(Fields& fields, const char* key) {
  YarnScaling yarn;
  if (!fields.ok() || !fields.Has(key)) return yarn;
  Fields sub(*fields.Find(key), fmt::format("{}: {}", fields.place(), key));
  ReadYarn(sub, &yarn);
  fields.Take(sub);
  return yarn;
}

// rope_theta and rope_scaling; or both in rope_parameters, as Hugging Face's class writes them.
// What is given in both ways is the same.
void ReadRope(Fields& fields, Config& c) {
  const bool together = fields.Has("rope_parameters"), scaling = fields.Has("rope_scaling");
  if (!together || fields.Has("rope_theta")) fields.Number("rope_theta", 1, 1e12, &c.rope_theta);
  c.rope_scaling = ReadScaling(fields, together ? "rope_parameters" : "rope_scaling");
  if (!fields.ok() || !together) return;
  if (scaling && !SameYarn(ReadScaling(fields, "rope_scaling"), c.rope_scaling))
    fields.Refuse(Code::kInvalid, "rope_scaling", "the same values as rope_parameters");
  Fields sub(*fields.Find("rope_parameters"), fields.place() + ": rope_parameters");
  double theta = 0;
  sub.Number("rope_theta", 1, 1e12, &theta);
  fields.Take(sub);
  if (fields.ok() && fields.Has("rope_theta") && theta != c.rope_theta)
    fields.Refuse(Code::kInvalid, "rope_theta", fmt::format("{}, as {} says", theta, sub.place()));
  c.rope_theta = theta;
}

void CheckTogether(Fields& fields, const Config& c) {
  if (!fields.ok()) return;
  const auto require = [&](bool holds, const char* key, const std::string& expected) {
    if (!holds) fields.Refuse(Code::kInvalid, key, expected);
  };
  require(c.qk_rope_head_dim % 2 == 0, "qk_rope_head_dim", "an even number");
  require(std::has_single_bit(c.index_head_dim), "index_head_dim", "a power of two");
  require(c.index_head_dim >= c.qk_rope_head_dim, "index_head_dim",
          fmt::format("at least qk_rope_head_dim {}", c.qk_rope_head_dim));
  require(c.first_k_dense_replace <= c.num_hidden_layers, "first_k_dense_replace",
          fmt::format("at most num_hidden_layers {}", c.num_hidden_layers));
  require(c.n_routed_experts % c.n_group == 0, "n_group",
          fmt::format("a divisor of n_routed_experts {}", c.n_routed_experts));
  require(c.topk_group <= c.n_group, "topk_group", fmt::format("at most n_group {}", c.n_group));
  if (!fields.ok()) return;
  const std::size_t candidates = c.n_routed_experts / c.n_group * c.topk_group;
  require(c.num_experts_per_tok <= candidates, "num_experts_per_tok",
          fmt::format("at most the {} experts of topk_group groups", candidates));
}

// scale_fmt: "float" is what scales are without it.
bool PowersOfTwo(Fields& fields) {
  std::size_t format = 0;
  if (fields.ok() && fields.Has("scale_fmt"))
    fields.Choice("scale_fmt", {"float", "ue8m0"}, &format);
  return format == 1;
}

}  // namespace

bool SameYarn(const YarnScaling& a, const YarnScaling& b) {
  return a.factor == b.factor && a.beta_fast == b.beta_fast && a.beta_slow == b.beta_slow &&
         a.original_max_position_embeddings == b.original_max_position_embeddings &&
         a.mscale_all_dim == b.mscale_all_dim;
}

bool IsV32(const Json& config) {
  const Json* type = config.Find("model_type");
  const std::string* name = type == nullptr ? nullptr : type->AsString();
  return name != nullptr && *name == ModelType(Architecture::kV32);
}

Config ReadV32(Fields& fields) {
  Config c;
  c.architecture = Architecture::kV32;
  c.hc_mult = 1;
  c.swiglu_limit = std::numeric_limits<double>::infinity();
  CheckFixed(fields);
  ReadSizes(fields, c);
  ReadNumbers(fields, c);
  ReadRope(fields, c);
  if (fields.ok()) {
    fields.OptionalSize("bos_token_id", 0, c.vocab_size - 1, &c.bos_token_id);
    fields.OptionalSizes("eos_token_id", 0, c.vocab_size - 1, &c.eos_token_id);
  }
  CheckTogether(fields, c);
  return c;
}

void ReadV32Quantization(Fields& fields, Config& config) {
  const bool alone = PowersOfTwo(fields);
  if (!fields.ok()) return;
  config.scale_rule = alone ? ScaleRule::kPowerOfTwo : ScaleRule::kExact;
  if (!fields.Has("quantization_config")) return;
  Fields sub(*fields.Find("quantization_config"), fields.place() + ": quantization_config");
  sub.Only("quant_method", "fp8");
  sub.OneOf("fmt", kE4m3Names);
  sub.Only("activation_scheme", "dynamic");
  sub.Only("weight_block_size", Json::Array{128, 128});
  const bool powers = PowersOfTwo(sub);
  if (sub.ok() && powers) config.scale_rule = ScaleRule::kPowerOfTwo;
  if (sub.ok() && alone && !powers)
    sub.Refuse(Code::kInvalid, "scale_fmt", "\"ue8m0\", as the config's own scale_fmt says");
  fields.Take(sub);
}

Json V32ToJson(const Config& c, bool quantised) {
  Json json;
  json.Set("architectures", Json::Array{"DeepseekV32ForCausalLM"});
  json.Set("model_type", ModelType(c.architecture));
  json.Set("torch_dtype", "bfloat16");
  const auto size = [&](const char* key, std::size_t value) {
    json.Set(key, std::uint64_t{value});
  };
  size("vocab_size", c.vocab_size);
  size("hidden_size", c.hidden_size);
  size("num_hidden_layers", c.num_hidden_layers);
  size("num_attention_heads", c.num_attention_heads);
  size("num_key_value_heads", c.num_attention_heads);
  size("q_lora_rank", c.q_lora_rank);
  size("kv_lora_rank", c.kv_lora_rank);
  size("qk_nope_head_dim", c.qk_nope_head_dim);
  size("qk_rope_head_dim", c.qk_rope_head_dim);
  size("v_head_dim", c.v_head_dim);
  size("index_n_heads", c.index_n_heads);
  size("index_head_dim", c.index_head_dim);
  size("index_topk", c.index_topk);
  size("intermediate_size", c.intermediate_size);
  size("moe_intermediate_size", c.moe_intermediate_size);
  size("first_k_dense_replace", c.first_k_dense_replace);
  size("moe_layer_freq", 1);
  size("n_routed_experts", c.n_routed_experts);
  size("n_shared_experts", c.n_shared_experts);
  size("num_experts_per_tok", c.num_experts_per_tok);
  size("n_group", c.n_group);
  size("topk_group", c.topk_group);
  json.Set("scoring_func", "sigmoid");
  json.Set("topk_method", "noaux_tc");
  json.Set("norm_topk_prob", true);
  json.Set("routed_scaling_factor", c.routed_scaling_factor);
  json.Set("hidden_act", "silu");
  json.Set("attention_bias", false);
  json.Set("rms_norm_eps", c.rms_norm_eps);
  json.Set("rope_theta", c.rope_theta);
  json.Set("rope_scaling", Json());
  if (const YarnScaling& yarn = c.rope_scaling; yarn.factor != 1) {
    json.Set("rope_scaling",
             Json::MakeObject({{"type", "yarn"},
                               {"factor", yarn.factor},
                               {"beta_fast", yarn.beta_fast},
                               {"beta_slow", yarn.beta_slow},
                               {"mscale", yarn.mscale_all_dim},
                               {"mscale_all_dim", yarn.mscale_all_dim},
                               {"original_max_position_embeddings",
                                std::uint64_t{yarn.original_max_position_embeddings}}}));
  }
  size("num_nextn_predict_layers", c.num_nextn_predict_layers);
  size("max_position_embeddings", c.max_position_embeddings);
  json.Set("tie_word_embeddings", false);
  SetTokens(c, &json);
  if (!quantised) {
    if (c.scale_rule == ScaleRule::kPowerOfTwo) json.Set("scale_fmt", "ue8m0");
    return json;
  }
  Json entry = Json::MakeObject({{"quant_method", "fp8"},
                                 {"activation_scheme", "dynamic"},
                                 {"fmt", "e4m3"},
                                 {"weight_block_size", Json::Array{128, 128}}});
  if (c.scale_rule == ScaleRule::kPowerOfTwo) entry.Set("scale_fmt", "ue8m0");
  json.Set("quantization_config", std::move(entry));
  return json;
}

}  // namespace hadal::arch
