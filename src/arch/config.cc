#include "arch/config.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <utility>

#include "arch/config_bounds.h"
#include "arch/config_fields.h"
#include "arch/config_v32.h"

namespace hadal::arch {
namespace {

constexpr const char* kModelTypes[] = {"deepseek_v4", "deepseek_v32"};  // by Architecture

// Hugging Face's names of the layer kinds, and the ratios they stand for.
const std::vector<std::string> kLayerTypes = {"sliding_attention", "compressed_sparse_attention",
                                              "heavily_compressed_attention"};
constexpr std::size_t kRatioOfLayerType[] = {0, kCsaRatio, kHcaRatio};
const std::vector<std::string> kMlpTypes = {"hash_moe", "moe"};

void ReadSizes(Fields& fields, Config& c) {
  fields.Size("vocab_size", 1, kMaxVocab, &c.vocab_size);
  fields.Size("hidden_size", 1, kMaxDim, &c.hidden_size);
  fields.Size("num_hidden_layers", 1, kMaxLayers, &c.num_hidden_layers);
  fields.Size("num_attention_heads", 1, kMaxHeads, &c.num_attention_heads);
  fields.Size("head_dim", 1, kMaxHeadDim, &c.head_dim);
  fields.Size("q_lora_rank", 1, kMaxDim, &c.q_lora_rank);
  fields.Size("o_groups", 1, kMaxHeads, &c.o_groups);
  fields.Size("o_lora_rank", 1, kMaxDim, &c.o_lora_rank);
  fields.Size("sliding_window", 1, kMaxPositions, &c.sliding_window);
  fields.Size("index_n_heads", 1, kMaxHeads, &c.index_n_heads);
  fields.Size("index_head_dim", 1, kMaxHeadDim, &c.index_head_dim);
  fields.Size("index_topk", 1, kMaxPositions, &c.index_topk);
  fields.Size("moe_intermediate_size", 1, kMaxDim, &c.moe_intermediate_size);
  fields.Size("n_routed_experts", 1, kMaxExperts, &c.n_routed_experts);
  fields.Size("num_experts_per_tok", 1, kMaxExperts, &c.num_experts_per_tok);
  fields.Size("hc_mult", 4, 4, &c.hc_mult);
  fields.Size("hc_sinkhorn_iters", 1, 1000, &c.hc_sinkhorn_iters);
  fields.Size("num_nextn_predict_layers", 0, 1, &c.num_nextn_predict_layers);
  fields.Size("max_position_embeddings", 1, kMaxPositions, &c.max_position_embeddings);
}

void ReadNumbers(Fields& fields, Config& c) {
  fields.Number("routed_scaling_factor", 1e-6, 1e6, &c.routed_scaling_factor);
  fields.Number("swiglu_limit", 1e-6, 1e6, &c.swiglu_limit);
  fields.Number("hc_eps", 1e-30, 0.1, &c.hc_eps);
  fields.Number("rms_norm_eps", 1e-30, 0.1, &c.rms_norm_eps);
}

// Keys that could ask for another computation: what they may say if they are there.
void CheckFixed(Fields& fields) {
  if (!fields.Has("scoring_func"))
    fields.Refuse(Code::kInvalid, "scoring_func", "\"sqrtsoftplus\"");
  fields.Only("scoring_func", "sqrtsoftplus");
  fields.Only("topk_method", "noaux_tc");
  fields.Only("norm_topk_prob", true);
  fields.Only("hidden_act", "silu");
  fields.Only("tie_word_embeddings", false);
  fields.Only("attention_bias", false);
  fields.Only("mlp_bias", false);
  fields.Only("num_key_value_heads", 1);
  fields.Only("n_shared_experts", 1);
  fields.Only("n_group", 1);
  fields.Only("topk_group", 1);
  fields.Only("compress_rate_csa", static_cast<int>(kCsaRatio));
  fields.Only("compress_rate_hca", static_cast<int>(kHcaRatio));
}

void CheckQuantization(Fields& fields) {
  if (!fields.ok() || !fields.Has("quantization_config")) return;
  Fields sub(*fields.Find("quantization_config"), fields.place() + ": quantization_config");
  sub.Only("quant_method", "fp8");
  sub.OneOf("fmt", kE4m3Names);
  sub.Only("scale_fmt", "ue8m0");
  sub.Only("activation_scheme", "dynamic");
  sub.Only("weight_block_size", Json::Array{128, 128});
  fields.Take(sub);
}

// The rotary width, given as qk_rope_head_dim, as a share of head_dim, or both.
void ReadRopeDim(Fields& fields, Config& c) {
  if (!fields.ok()) return;
  const bool share = fields.Has("partial_rotary_factor");
  std::size_t from_share = 0;
  if (share) {
    double factor = 0;
    fields.Number("partial_rotary_factor", 0, 1, &factor);
    const double dim = factor * static_cast<double>(c.head_dim);
    from_share = static_cast<std::size_t>(std::llround(dim));
    if (std::fabs(dim - static_cast<double>(from_share)) > 1e-3) {
      fields.Refuse(Code::kInvalid, "partial_rotary_factor",
                    fmt::format("a share that is a whole number of the {} channels", c.head_dim));
    }
  }
  if (share && !fields.Has("qk_rope_head_dim")) {
    c.qk_rope_head_dim = from_share;
  } else {
    fields.Size("qk_rope_head_dim", 2, kMaxHeadDim, &c.qk_rope_head_dim);
    if (share && c.qk_rope_head_dim != from_share) {
      fields.Refuse(Code::kInvalid, "partial_rotary_factor",
                    fmt::format("qk_rope_head_dim / head_dim, which is {} / {}", c.qk_rope_head_dim,
                                c.head_dim));
    }
  }
}

// One set of RoPE parameters: YaRN, or none (a factor of 1).
void ReadYarn(Fields& fields, YarnScaling* yarn) {
  if (!fields.ok()) return;
  const char* key = fields.Has("rope_type") ? "rope_type" : "type";
  const std::string* type = fields.Has(key) ? fields.Find(key)->AsString() : nullptr;
  if (type == nullptr || (*type != "yarn" && *type != "default"))
    return fields.Refuse(Code::kUnsupported, key, "\"yarn\" or \"default\"");
  if (fields.Has("type")) fields.Only("type", *type);
  if (*type == "default") return;
  fields.Number("factor", 1, 1e6, &yarn->factor);
  fields.Number("beta_fast", 1e-6, 1e9, &yarn->beta_fast);
  fields.Number("beta_slow", 1e-6, 1e9, &yarn->beta_slow);
  fields.Size("original_max_position_embeddings", 1, kMaxPositions,
              &yarn->original_max_position_embeddings);
  if (fields.ok() && yarn->beta_slow >= yarn->beta_fast)
    fields.Refuse(Code::kInvalid, "beta_slow",
                  fmt::format("less than beta_fast {}", yarn->beta_fast));
  fields.Only("attention_factor", 1);
  fields.Only("truncate", true);
  for (const char* other : {"mscale", "mscale_all_dim"})
    if (fields.Has(other))
      fields.Refuse(Code::kUnsupported, other, "nothing: hadal has no such scale");
}

// A value that may stand in two places: where both give it they must agree.
void ReadTheta(Fields& fields, const char* key, Fields* other, double* theta) {
  const bool here = fields.Has(key), there = other != nullptr && other->Has("rope_theta");
  if (here || !there) fields.Number(key, 1, 1e12, theta);
  if (!there) return;
  double again = 0;
  other->Number("rope_theta", 1, 1e12, &again);
  fields.Take(*other);
  if (!fields.ok()) return;
  if (here && again != *theta)
    return fields.Refuse(Code::kInvalid, key, fmt::format("{}, as {} says", again, other->place()));
  *theta = again;
}

// rope_parameters, as Hugging Face writes it: {"main": {..}, "compress": {..}}, or one flat set,
// which is rope_scaling with rope_theta put into it.
void ReadRope(Fields& fields, Config& c) {
  if (!fields.ok()) return;
  const bool scaling = fields.Has("rope_scaling"), parameters = fields.Has("rope_parameters");
  const Json* none = fields.Find("rope_scaling");
  if (!scaling && !parameters && none == nullptr)
    return fields.Refuse(Code::kInvalid, "rope_scaling", "an object, or null for no scaling");
  if (scaling) {
    Fields sub(*fields.Find("rope_scaling"), fields.place() + ": rope_scaling");
    ReadYarn(sub, &c.rope_scaling);
    fields.Take(sub);
  }
  if (!parameters) {
    ReadTheta(fields, "rope_theta", nullptr, &c.rope_theta);
    return ReadTheta(fields, "compress_rope_theta", nullptr, &c.compress_rope_theta);
  }

  const Json& json = *fields.Find("rope_parameters");
  const std::string place = fields.place() + ": rope_parameters";
  const Json* main = json.Find("main");
  const Json* compress = json.Find("compress");
  const bool nested = main != nullptr && compress != nullptr;
  Fields main_fields(nested ? *main : json, nested ? place + ": main" : place);
  Fields compress_fields(nested ? *compress : json, nested ? place + ": compress" : place);
  fields.Take(main_fields);
  fields.Take(compress_fields);
  ReadTheta(fields, "rope_theta", &main_fields, &c.rope_theta);
  ReadTheta(fields, "compress_rope_theta", nested ? &compress_fields : nullptr,
            &c.compress_rope_theta);
  if (nested) main_fields.Only("rope_type", "default");
  fields.Take(main_fields);
  YarnScaling yarn;
  ReadYarn(compress_fields, &yarn);
  fields.Take(compress_fields);
  if (!fields.ok()) return;
  if (scaling && !SameYarn(yarn, c.rope_scaling))
    return fields.Refuse(Code::kInvalid, "rope_scaling", "the same values as rope_parameters");
  c.rope_scaling = yarn;
}

void ReadRatios(Fields& fields, Config& c) {
  const Json* value = fields.Find("compress_ratios");
  if (value == nullptr || value->AsArray() == nullptr || value->AsArray()->size() > 2 * kMaxLayers)
    return fields.Refuse(Code::kInvalid, "compress_ratios",
                         "an array of 0, 4 and 128, one a layer");
  for (const Json& item : *value->AsArray()) {
    const std::int64_t* ratio = item.AsInt();
    if (ratio == nullptr || (*ratio != 0 && *ratio != kCsaRatio && *ratio != kHcaRatio))
      return fields.Refuse(Code::kUnsupported, "compress_ratios", "only 0, 4 and 128 in it");
    c.compress_ratios.push_back(static_cast<std::size_t>(*ratio));
  }
  if (c.compress_ratios.size() < c.num_hidden_layers) {
    return fields.Refuse(
        Code::kInvalid, "compress_ratios",
        fmt::format("one a layer: {}, not {}", c.num_hidden_layers, c.compress_ratios.size()));
  }
}

// What every layer attends to: compress_ratios, layer_types, or both. Ratios beyond the layers are
// those of MTP blocks; later releases give more of them than there are.
void ReadLayerTypes(Fields& fields, Config& c) {
  if (!fields.ok()) return;
  const bool ratios = fields.Has("compress_ratios"), types = fields.Has("layer_types");
  if (ratios || !types) ReadRatios(fields, c);
  if (types) {
    std::vector<std::size_t> kinds;
    fields.Choices("layer_types", kLayerTypes, &kinds);
    if (fields.ok() && kinds.size() != c.num_hidden_layers) {
      fields.Refuse(Code::kInvalid, "layer_types",
                    fmt::format("{} entries, not {}", c.num_hidden_layers, kinds.size()));
    }
    for (std::size_t layer = 0; fields.ok() && layer < kinds.size(); ++layer) {
      const std::size_t ratio = kRatioOfLayerType[kinds[layer]];
      if (!ratios) {
        c.compress_ratios.push_back(ratio);
      } else if (c.compress_ratios[layer] != ratio) {
        fields.Refuse(Code::kInvalid, "layer_types",
                      fmt::format("the layers of compress_ratios; layer {} has ratio {} there",
                                  layer, c.compress_ratios[layer]));
      }
    }
  }
  if (fields.Has("compress_rates")) {
    Fields rates(*fields.Find("compress_rates"), fields.place() + ": compress_rates");
    rates.Only(kLayerTypes[1], static_cast<int>(kCsaRatio));
    rates.Only(kLayerTypes[2], static_cast<int>(kHcaRatio));
    fields.Take(rates);
  }
  if (!fields.ok()) return;
  c.compress_ratios.resize(c.num_hidden_layers + c.num_nextn_predict_layers, 0);
  if (c.num_nextn_predict_layers != 0 && c.compress_ratios.back() != 0)
    fields.Refuse(Code::kUnsupported, "compress_ratios", "0 for the MTP block, its last entry");
}

void ReadHashLayers(Fields& fields, Config& c) {
  if (!fields.ok()) return;
  const bool count = fields.Has("num_hash_layers"), types = fields.Has("mlp_layer_types");
  if (count || !types) fields.Size("num_hash_layers", 0, c.num_hidden_layers, &c.num_hash_layers);
  if (!types) return;
  std::vector<std::size_t> kinds;
  fields.Choices("mlp_layer_types", kMlpTypes, &kinds);
  if (!fields.ok()) return;
  if (kinds.size() != c.num_hidden_layers) {
    return fields.Refuse(Code::kInvalid, "mlp_layer_types",
                         fmt::format("{} entries, not {}", c.num_hidden_layers, kinds.size()));
  }
  if (!std::is_sorted(kinds.begin(), kinds.end()))
    return fields.Refuse(Code::kUnsupported, "mlp_layer_types", "every hash_moe before every moe");
  const auto hashed = static_cast<std::size_t>(std::count(kinds.begin(), kinds.end(), 0u));
  if (count && hashed != c.num_hash_layers) {
    return fields.Refuse(Code::kInvalid, "num_hash_layers",
                         fmt::format("{}, as mlp_layer_types has it", hashed));
  }
  c.num_hash_layers = hashed;
}

void ReadTokens(Fields& fields, Config& c) {
  fields.OptionalSize("bos_token_id", 0, c.vocab_size - 1, &c.bos_token_id);
  fields.OptionalSizes("eos_token_id", 0, c.vocab_size - 1, &c.eos_token_id);
}

void CheckTogether(Fields& fields, const Config& c) {
  if (!fields.ok()) return;
  const auto require = [&](bool holds, const char* key, const std::string& expected) {
    if (!holds) fields.Refuse(Code::kInvalid, key, expected);
  };
  require(c.qk_rope_head_dim % 2 == 0 && c.qk_rope_head_dim > 0 && c.qk_rope_head_dim < c.head_dim,
          "qk_rope_head_dim", fmt::format("an even number below head_dim {}", c.head_dim));
  require(c.head_dim > c.qk_rope_head_dim && c.nope_dim() % 64 == 0, "head_dim",
          fmt::format("a multiple of 64 more than qk_rope_head_dim {}", c.qk_rope_head_dim));
  require(c.num_attention_heads % c.o_groups == 0, "o_groups",
          fmt::format("a divisor of num_attention_heads {}", c.num_attention_heads));
  require(std::has_single_bit(c.index_head_dim) && c.index_head_dim % 32 == 0, "index_head_dim",
          "a power of two of 32 or more");
  require(c.index_head_dim >= c.qk_rope_head_dim, "index_head_dim",
          fmt::format("at least qk_rope_head_dim {}", c.qk_rope_head_dim));
  require(c.num_experts_per_tok <= c.n_routed_experts, "num_experts_per_tok",
          fmt::format("at most n_routed_experts {}", c.n_routed_experts));
}

Config ReadV4(Fields& fields) {
  Config config;
  CheckFixed(fields);
  ReadSizes(fields, config);
  ReadNumbers(fields, config);
  ReadRopeDim(fields, config);
  ReadRope(fields, config);
  ReadLayerTypes(fields, config);
  ReadHashLayers(fields, config);
  ReadTokens(fields, config);
  CheckTogether(fields, config);
  return config;
}

}  // namespace

const char* ModelType(Architecture architecture) {
  return kModelTypes[static_cast<std::size_t>(architecture)];
}

Result<Config> ParseConfig(const Json& json) {
  HADAL_TRY(Config config, ParseShape(json));
  Fields fields(json, "config.json");
  if (config.architecture == Architecture::kV32)
    ReadV32Quantization(fields, config);
  else
    CheckQuantization(fields);
  if (!fields.ok()) return fields.error();
  return config;
}

Result<Config> ParseShape(const Json& json) {
  Fields fields(json, "config.json");
  std::size_t type = 0;
  fields.Choice("model_type", {std::begin(kModelTypes), std::end(kModelTypes)}, &type);
  if (!fields.ok()) return fields.error();
  Config config =
      static_cast<Architecture>(type) == Architecture::kV32 ? ReadV32(fields) : ReadV4(fields);
  if (!fields.ok()) return fields.error();
  return config;
}

}  // namespace hadal::arch
