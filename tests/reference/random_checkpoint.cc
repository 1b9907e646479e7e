#include "reference/random_checkpoint.h"

#include <cmath>
#include <numeric>

#include "base/json.h"
#include "base/random.h"
#include "io/file.h"
#include "reference/tensor_store.h"

namespace hadal::reference {
namespace {

// Scales are such that every part of the model has a say: activations near one, routing and
// selection spread out, clamps and sinks in reach.
class Maker {
 public:
  explicit Maker(const CheckpointSpec& spec) : s_(spec), random_(spec.seed) {}

  TensorStore Make() {
    Plain("embed", s_.vocab, s_.dim, 1);
    Plain("head", s_.vocab, s_.dim, 2 / Root(s_.dim));
    Norm("norm.weight", s_.dim);
    Hyper("hc_head", 4, 1);
    for (std::size_t l = 0; l < s_.ratios.size(); ++l)
      Layer(fmt::format("layers.{}.", l), s_.ratios[l], l < s_.hash_layers);
    if (s_.mtp) Mtp();
    return std::move(store_);
  }

 private:
  static double Root(std::size_t n) { return std::sqrt(static_cast<double>(n)); }

  std::vector<float> Normals(std::size_t count, double scale, double mean = 0) {
    std::vector<float> out(count);
    for (float& v : out) v = static_cast<float>(mean + scale * random_.Normal());
    return out;
  }
  void Vector(const std::string& name, std::size_t size, double scale, double mean = 0) {
    store_.F32(name, {size}, std::span<const float>(Normals(size, scale, mean)));
  }
  void Norm(const std::string& name, std::size_t size) {
    store_.Bf16(name, {size}, Normals(size, 0.2, 1));
  }
  // Never quantised in published checkpoints.
  void Plain(const std::string& name, std::size_t rows, std::size_t cols, double scale) {
    store_.Weight(name, rows, cols, Normals(rows * cols, scale), Format::kBf16);
  }
  void Linear(const std::string& name, std::size_t rows, std::size_t cols, bool expert = false) {
    store_.Weight(name, rows, cols, Normals(rows * cols, 1 / Root(cols)), FormatOf(cols, expert));
  }
  Format FormatOf(std::size_t cols, bool expert) {
    switch (s_.storage) {
      case Storage::kF32:
        return Format::kF32;
      case Storage::kBf16:
        return Format::kBf16;
      case Storage::kPublished:
        return expert ? Format::kFp4 : Format::kFp8;
      case Storage::kMixed:
        break;
    }
    constexpr Format kAll[] = {Format::kF32, Format::kBf16, Format::kFp8, Format::kFp4};
    return kAll[random_.Below(expert && cols % 32 == 0 ? 4 : 3)];
  }

  void Hyper(const std::string& name, std::size_t rows, std::size_t scales) {
    const std::size_t cols = 4 * s_.dim;
    store_.F32(name + "_fn", {rows, cols},
               std::span<const float>(Normals(rows * cols, 1 / Root(cols))));
    Vector(name + "_base", rows, 0.7);
    Vector(name + "_scale", scales, 0.2, 0.8);
  }
  void Compressor(const std::string& p, std::size_t ratio, std::size_t width) {
    const std::size_t channels = ratio == 4 ? 2 * width : width;
    store_.F32(p + "ape", {ratio, channels},
               std::span<const float>(Normals(ratio * channels, 0.7)));
    Plain(p + "wkv", channels, s_.dim, 1 / Root(s_.dim));
    Plain(p + "wgate", channels, s_.dim, 1 / Root(s_.dim));
    Norm(p + "norm.weight", width);
  }
  void Attention(const std::string& p, std::size_t ratio) {
    Vector(p + "attn_sink", s_.heads, 1);
    Linear(p + "wq_a", s_.q_lora, s_.dim);
    Norm(p + "q_norm.weight", s_.q_lora);
    Linear(p + "wq_b", s_.heads * s_.head_dim, s_.q_lora);
    Linear(p + "wkv", s_.head_dim, s_.dim);
    Norm(p + "kv_norm.weight", s_.head_dim);
    Linear(p + "wo_a", s_.o_groups * s_.o_lora, s_.heads * s_.head_dim / s_.o_groups);
    Linear(p + "wo_b", s_.dim, s_.o_groups * s_.o_lora);
    if (ratio == 0) return;
    Compressor(p + "compressor.", ratio, s_.head_dim);
    if (ratio != 4) return;
    Linear(p + "indexer.wq_b", s_.index_heads * s_.index_dim, s_.q_lora);
    Plain(p + "indexer.weights_proj", s_.index_heads, s_.dim, 1 / Root(s_.dim));
    Compressor(p + "indexer.compressor.", 4, s_.index_dim);
  }
  void Expert(const std::string& p, bool routed) {
    Linear(p + "w1", s_.inter, s_.dim, routed);
    Linear(p + "w2", s_.dim, s_.inter, routed);
    Linear(p + "w3", s_.inter, s_.dim, routed);
  }
  void HashTable(const std::string& name) {
    std::vector<std::int64_t> table, all(s_.experts);
    for (std::size_t token = 0; token < s_.vocab; ++token) {
      std::iota(all.begin(), all.end(), 0);
      for (std::size_t i = 0; i < s_.topk; ++i) {
        std::swap(all[i], all[i + random_.Below(s_.experts - i)]);
        table.push_back(all[i]);
      }
    }
    store_.I64(name, {s_.vocab, s_.topk}, table);
  }
  void Layer(const std::string& p, std::size_t ratio, bool hash) {
    Norm(p + "attn_norm.weight", s_.dim);
    Norm(p + "ffn_norm.weight", s_.dim);
    Hyper(p + "hc_attn", 24, 3);
    Hyper(p + "hc_ffn", 24, 3);
    Attention(p + "attn.", ratio);
    Plain(p + "ffn.gate", s_.experts, s_.dim, 1.5 / Root(s_.dim));
    if (hash)
      HashTable(p + "ffn.gate.tid2eid");
    else
      Vector(p + "ffn.gate.bias", s_.experts, 0.3);
    for (std::size_t e = 0; e < s_.experts; ++e)
      Expert(fmt::format("{}ffn.experts.{}.", p, e), true);
    Expert(p + "ffn.shared_experts.", false);
  }
  void Mtp() {
    Layer("mtp.0.", 0, false);
    Linear("mtp.0.e_proj", s_.dim, s_.dim);
    Linear("mtp.0.h_proj", s_.dim, s_.dim);
    for (const char* name : {"enorm", "hnorm", "norm"})
      Norm(fmt::format("mtp.0.{}.weight", name), s_.dim);
    Hyper("mtp.0.hc_head", 4, 1);
  }

  const CheckpointSpec& s_;
  Random random_;
  TensorStore store_;
};

Json ConfigOf(const CheckpointSpec& s) {
  Json::Array ratios;
  for (std::size_t ratio : s.ratios) ratios.emplace_back(std::uint64_t{ratio});
  if (s.mtp) ratios.emplace_back(0);
  Json json = Json::MakeObject({{"model_type", "deepseek_v4"},
                                {"scoring_func", "sqrtsoftplus"},
                                {"routed_scaling_factor", s.routed_scaling},
                                {"swiglu_limit", s.swiglu_limit},
                                {"hc_mult", 4},
                                {"hc_sinkhorn_iters", 20},
                                {"hc_eps", 1e-6},
                                {"rms_norm_eps", 1e-6},
                                {"rope_theta", 10000},
                                {"compress_rope_theta", 160000},
                                {"max_position_embeddings", 4096},
                                {"bos_token_id", 0},
                                {"eos_token_id", 1},
                                {"num_nextn_predict_layers", s.mtp ? 1 : 0},
                                {"compress_ratios", std::move(ratios)}});
  const std::pair<const char*, std::size_t> sizes[] = {{"vocab_size", s.vocab},
                                                       {"hidden_size", s.dim},
                                                       {"num_hidden_layers", s.ratios.size()},
                                                       {"num_attention_heads", s.heads},
                                                       {"head_dim", s.head_dim},
                                                       {"qk_rope_head_dim", s.rope_dim},
                                                       {"q_lora_rank", s.q_lora},
                                                       {"o_groups", s.o_groups},
                                                       {"o_lora_rank", s.o_lora},
                                                       {"sliding_window", s.window},
                                                       {"index_n_heads", s.index_heads},
                                                       {"index_head_dim", s.index_dim},
                                                       {"index_topk", s.index_topk},
                                                       {"moe_intermediate_size", s.inter},
                                                       {"n_routed_experts", s.experts},
                                                       {"num_experts_per_tok", s.topk},
                                                       {"num_hash_layers", s.hash_layers}};
  for (const auto& [key, value] : sizes) json.Set(key, std::uint64_t{value});
  json.Set(
      "rope_scaling",
      Json::MakeObject({{"type", "yarn"},
                        {"factor", 16},
                        {"beta_fast", 32},
                        {"beta_slow", 1},
                        {"original_max_position_embeddings", std::uint64_t{s.yarn_original}}}));
  return json;
}

}  // namespace

Status WriteRandomCheckpoint(const CheckpointSpec& spec, const std::string& directory) {
  HADAL_TRY_STATUS(io::WriteFile(directory + "/config.json", ConfigOf(spec).Dump(1)));
  return Maker(spec).Make().WriteModel(directory, spec.shards);
}

}  // namespace hadal::reference
