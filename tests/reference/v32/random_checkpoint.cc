#include "reference/v32/random_checkpoint.h"

#include <cmath>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/random.h"
#include "io/file.h"
#include "reference/tensor_store.h"

namespace hadal::reference::v32 {
namespace {

// Scales are such that every part of the model has a say.
class Maker {
 public:
  explicit Maker(const CheckpointSpec& spec) : s_(spec), random_(spec.seed) {}

  TensorStore Make() {
    Plain("model.embed_tokens", s_.vocab, s_.dim, 1);
    Plain("lm_head", s_.vocab, s_.dim, 2 / Root(s_.dim));
    Vector("model.norm.weight", s_.dim, 0.2, 1);
    for (std::size_t l = 0; l < s_.layers; ++l)
      Layer(fmt::format("model.layers.{}.", l), l < s_.dense_layers);
    if (s_.mtp) Mtp(fmt::format("model.layers.{}.", s_.layers));
    return std::move(store_);
  }

 private:
  static double Root(std::size_t n) { return std::sqrt(static_cast<double>(n)); }

  std::vector<float> Normals(std::size_t count, double scale, double mean = 0) {
    std::vector<float> out(count);
    for (float& v : out) v = static_cast<float>(mean + scale * random_.Normal());
    return out;
  }
  void Vector(const std::string& name, std::size_t size, double scale, double mean) {
    store_.F32(name, {size}, std::span<const float>(Normals(size, scale, mean)));
  }
  void Plain(const std::string& name, std::size_t rows, std::size_t cols, double scale) {
    store_.V32Weight(name, rows, cols, Normals(rows * cols, scale), {});
  }
  void Linear(const std::string& name, std::size_t rows, std::size_t cols) {
    store_.V32Weight(name, rows, cols, Normals(rows * cols, 1 / Root(cols)), s_.fp8);
  }
  void Gated(const std::string& p, std::size_t inner) {
    Linear(p + "gate_proj", inner, s_.dim);
    Linear(p + "up_proj", inner, s_.dim);
    Linear(p + "down_proj", s_.dim, inner);
  }
  void Attention(const std::string& p) {
    Linear(p + "q_a_proj", s_.q_lora, s_.dim);
    Vector(p + "q_a_layernorm.weight", s_.q_lora, 0.2, 1);
    Linear(p + "q_b_proj", s_.heads * (s_.nope + s_.rope), s_.q_lora);
    Linear(p + "kv_a_proj_with_mqa", s_.rank + s_.rope, s_.dim);
    Vector(p + "kv_a_layernorm.weight", s_.rank, 0.2, 1);
    Linear(p + "kv_b_proj", s_.heads * (s_.nope + s_.value), s_.rank);
    Linear(p + "o_proj", s_.dim, s_.heads * s_.value);
    Linear(p + "indexer.wq_b", s_.index_heads * s_.index_dim, s_.q_lora);
    Linear(p + "indexer.wk", s_.index_dim, s_.dim);
    Vector(p + "indexer.k_norm.weight", s_.index_dim, 0.2, 1);
    Vector(p + "indexer.k_norm.bias", s_.index_dim, 0.2, 0);
    Plain(p + "indexer.weights_proj", s_.index_heads, s_.dim, 1 / Root(s_.dim));
  }
  void Layer(const std::string& p, bool dense) {
    Vector(p + "input_layernorm.weight", s_.dim, 0.2, 1);
    Vector(p + "post_attention_layernorm.weight", s_.dim, 0.2, 1);
    Attention(p + "self_attn.");
    if (dense) return Gated(p + "mlp.", s_.dense_inner);
    Plain(p + "mlp.gate", s_.experts, s_.dim, 1.5 / Root(s_.dim));
    // Negative scores, of which a group that is left out must still be the worst.
    Vector(p + "mlp.gate.e_score_correction_bias", s_.experts, 0.3, -0.9);
    for (std::size_t e = 0; e < s_.experts; ++e)
      Gated(fmt::format("{}mlp.experts.{}.", p, e), s_.inner);
    Gated(p + "mlp.shared_experts.", s_.shared * s_.inner);
  }
  void Mtp(const std::string& p) {
    Layer(p, false);
    for (const char* name : {"enorm.weight", "hnorm.weight", "shared_head.norm.weight"})
      Vector(p + name, s_.dim, 0.2, 1);
    Plain(p + "eh_proj", s_.dim, 2 * s_.dim, 1 / Root(2 * s_.dim));
    // Copies, as released; nobody is to read them.
    Plain(p + "embed_tokens", s_.vocab, s_.dim, 1);
    Plain(p + "shared_head.head", s_.vocab, s_.dim, 1);
  }

  const CheckpointSpec& s_;
  Random random_;
  TensorStore store_;
};

Json ConfigOf(const CheckpointSpec& s) {
  Json json = Json::MakeObject({{"model_type", "deepseek_v32"},
                                {"scoring_func", "sigmoid"},
                                {"topk_method", "noaux_tc"},
                                {"routed_scaling_factor", s.routed_scaling},
                                {"rms_norm_eps", s.norm_eps},
                                {"rope_theta", s.rope_theta},
                                {"rope_scaling", Json()},
                                {"moe_layer_freq", 1},
                                {"tie_word_embeddings", false},
                                {"attention_bias", false},
                                {"max_position_embeddings", 4096},
                                {"bos_token_id", 0},
                                {"eos_token_id", 1},
                                {"num_nextn_predict_layers", s.mtp ? 1 : 0}});
  const std::pair<const char*, std::size_t> sizes[] = {{"vocab_size", s.vocab},
                                                       {"hidden_size", s.dim},
                                                       {"num_hidden_layers", s.layers},
                                                       {"num_attention_heads", s.heads},
                                                       {"q_lora_rank", s.q_lora},
                                                       {"kv_lora_rank", s.rank},
                                                       {"qk_nope_head_dim", s.nope},
                                                       {"qk_rope_head_dim", s.rope},
                                                       {"v_head_dim", s.value},
                                                       {"index_n_heads", s.index_heads},
                                                       {"index_head_dim", s.index_dim},
                                                       {"index_topk", s.index_topk},
                                                       {"intermediate_size", s.dense_inner},
                                                       {"moe_intermediate_size", s.inner},
                                                       {"first_k_dense_replace", s.dense_layers},
                                                       {"n_routed_experts", s.experts},
                                                       {"n_shared_experts", s.shared},
                                                       {"num_experts_per_tok", s.topk},
                                                       {"n_group", s.groups},
                                                       {"topk_group", s.kept_groups}};
  for (const auto& [key, value] : sizes) json.Set(key, std::uint64_t{value});
  if (s.yarn)
    json.Set("rope_scaling", Json::MakeObject({{"type", "yarn"},
                                               {"factor", s.yarn_factor},
                                               {"beta_fast", 32},
                                               {"beta_slow", 1},
                                               {"mscale", s.mscale},
                                               {"mscale_all_dim", s.mscale},
                                               {"original_max_position_embeddings", 64}}));
  if (!s.fp8) return json;
  Json entry = Json::MakeObject({{"quant_method", "fp8"},
                                 {"fmt", "e4m3"},
                                 {"activation_scheme", "dynamic"},
                                 {"weight_block_size", Json::Array{128, 128}}});
  if (*s.fp8 == ScaleRule::kPowerOfTwo) entry.Set("scale_fmt", "ue8m0");
  json.Set("quantization_config", std::move(entry));
  return json;
}

}  // namespace

Status WriteRandomCheckpoint(const CheckpointSpec& spec, const std::string& directory) {
  HADAL_TRY_STATUS(io::WriteFile(directory + "/config.json", ConfigOf(spec).Dump(1)));
  return Maker(spec).Make().WriteModel(directory, spec.shards);
}

}  // namespace hadal::reference::v32
