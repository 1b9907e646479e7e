#include "arch/inventory.h"

#include <fmt/format.h>

#include <utility>

#include "base/check.h"

namespace hadal::arch {
namespace {

class Lister {
 public:
  explicit Lister(const Config& config) : c_(config) {}

  std::vector<TensorSpec> List() && {
    Add("embed.weight", {c_.vocab_size, c_.hidden_size}, StoredFormat::kBf16);
    for (std::size_t layer = 0; layer < c_.num_hidden_layers; ++layer)
      AddLayer(fmt::format("layers.{}.", layer), c_.compress_ratios[layer],
               layer < c_.num_hash_layers);
    AddNorm("norm", c_.hidden_size);
    AddHyperHead("");
    Add("head.weight", {c_.vocab_size, c_.hidden_size}, StoredFormat::kBf16);
    for (std::size_t i = 0; i < c_.num_nextn_predict_layers; ++i)
      AddMtp(fmt::format("mtp.{}.", i), c_.compress_ratios[c_.num_hidden_layers + i]);
    return std::move(specs_);
  }

 private:
  void Add(std::string name, std::vector<std::uint64_t> shape, StoredFormat format) {
    specs_.push_back({std::move(name), std::move(shape), format});
  }
  void AddNorm(const std::string& name, std::uint64_t dim) {
    Add(name + ".weight", {dim}, StoredFormat::kBf16);
  }
  void AddFp8(const std::string& name, std::uint64_t rows, std::uint64_t cols) {
    Add(name + ".weight", {rows, cols}, StoredFormat::kFp8Block128);
  }
  void AddBf16(const std::string& name, std::uint64_t rows, std::uint64_t cols) {
    Add(name + ".weight", {rows, cols}, StoredFormat::kBf16);
  }

  void AddHyperConnection(const std::string& name) {
    const std::uint64_t mixes = c_.hc_mult * (c_.hc_mult + 2);  // pre, post, comb
    Add(name + "_fn", {mixes, c_.hc_mult * c_.hidden_size}, StoredFormat::kF32);
    Add(name + "_base", {mixes}, StoredFormat::kF32);
    Add(name + "_scale", {3}, StoredFormat::kF32);
  }
  void AddHyperHead(const std::string& prefix) {
    Add(prefix + "hc_head_fn", {c_.hc_mult, c_.hc_mult * c_.hidden_size}, StoredFormat::kF32);
    Add(prefix + "hc_head_base", {c_.hc_mult}, StoredFormat::kF32);
    Add(prefix + "hc_head_scale", {1}, StoredFormat::kF32);
  }
  void AddCompressor(const std::string& prefix, std::size_t ratio, std::size_t dim) {
    const std::uint64_t width = ratio == kCsaRatio ? 2 * dim : dim;
    Add(prefix + "ape", {ratio, width}, StoredFormat::kF32);
    AddBf16(prefix + "wkv", width, c_.hidden_size);
    AddBf16(prefix + "wgate", width, c_.hidden_size);
    AddNorm(prefix + "norm", dim);
  }
  void AddAttention(const std::string& prefix, std::size_t ratio) {
    const std::uint64_t q_dim = c_.num_attention_heads * c_.head_dim;
    const std::uint64_t o_dim = c_.o_groups * c_.o_lora_rank;
    Add(prefix + "attn_sink", {c_.num_attention_heads}, StoredFormat::kF32);
    AddFp8(prefix + "wq_a", c_.q_lora_rank, c_.hidden_size);
    AddNorm(prefix + "q_norm", c_.q_lora_rank);
    AddFp8(prefix + "wq_b", q_dim, c_.q_lora_rank);
    AddFp8(prefix + "wkv", c_.head_dim, c_.hidden_size);
    AddNorm(prefix + "kv_norm", c_.head_dim);
    AddFp8(prefix + "wo_a", o_dim, q_dim / c_.o_groups);
    AddFp8(prefix + "wo_b", c_.hidden_size, o_dim);
    if (ratio == 0) return;
    AddCompressor(prefix + "compressor.", ratio, c_.head_dim);
    if (ratio != kCsaRatio) return;
    AddFp8(prefix + "indexer.wq_b", c_.index_n_heads * c_.index_head_dim, c_.q_lora_rank);
    AddBf16(prefix + "indexer.weights_proj", c_.index_n_heads, c_.hidden_size);
    AddCompressor(prefix + "indexer.compressor.", ratio, c_.index_head_dim);
  }
  void AddExpert(const std::string& prefix, StoredFormat format) {
    const std::uint64_t inner = c_.moe_intermediate_size;
    Add(prefix + "w1.weight", {inner, c_.hidden_size}, format);
    Add(prefix + "w2.weight", {c_.hidden_size, inner}, format);
    Add(prefix + "w3.weight", {inner, c_.hidden_size}, format);
  }
  void AddMoe(const std::string& prefix, bool hashed) {
    AddBf16(prefix + "gate", c_.n_routed_experts, c_.hidden_size);
    if (hashed)
      Add(prefix + "gate.tid2eid", {c_.vocab_size, c_.num_experts_per_tok}, StoredFormat::kI64);
    else
      Add(prefix + "gate.bias", {c_.n_routed_experts}, StoredFormat::kF32);
    for (std::size_t expert = 0; expert < c_.n_routed_experts; ++expert)
      AddExpert(fmt::format("{}experts.{}.", prefix, expert), StoredFormat::kFp4Block32);
    AddExpert(prefix + "shared_experts.", StoredFormat::kFp8Block128);
  }
  void AddLayer(const std::string& prefix, std::size_t ratio, bool hashed) {
    AddHyperConnection(prefix + "hc_attn");
    AddNorm(prefix + "attn_norm", c_.hidden_size);
    AddAttention(prefix + "attn.", ratio);
    AddHyperConnection(prefix + "hc_ffn");
    AddNorm(prefix + "ffn_norm", c_.hidden_size);
    AddMoe(prefix + "ffn.", hashed);
  }
  void AddMtp(const std::string& prefix, std::size_t ratio) {
    AddFp8(prefix + "e_proj", c_.hidden_size, c_.hidden_size);
    AddFp8(prefix + "h_proj", c_.hidden_size, c_.hidden_size);
    AddNorm(prefix + "enorm", c_.hidden_size);
    AddNorm(prefix + "hnorm", c_.hidden_size);
    AddLayer(prefix, ratio, false);
    AddNorm(prefix + "norm", c_.hidden_size);
    AddHyperHead(prefix);
  }

  const Config& c_;
  std::vector<TensorSpec> specs_;
};

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

const char* ComponentName(Component component) {
  constexpr const char* kNames[kComponents] = {"embedding",
                                               "attention projections",
                                               "compressors",
                                               "indexer",
                                               "experts",
                                               "shared experts",
                                               "router",
                                               "hyper-connections",
                                               "norms",
                                               "head",
                                               "multi-token prediction",
                                               "other"};
  return kNames[static_cast<std::size_t>(component)];
}

Component ComponentOf(std::string_view name) {
  if (name.starts_with("mtp.")) return Component::kMtp;
  if (name.starts_with("embed.")) return Component::kEmbedding;
  if (name.starts_with("head.")) return Component::kHead;
  if (name.starts_with("norm.")) return Component::kNorm;
  if (name.starts_with("hc_head_")) return Component::kHyperConnection;
  if (!name.starts_with("layers.")) return Component::kOther;
  if (Contains(name, ".hc_attn_") || Contains(name, ".hc_ffn_")) return Component::kHyperConnection;
  if (Contains(name, ".attn.indexer.")) return Component::kIndexer;
  if (Contains(name, ".attn.compressor.")) return Component::kCompressor;
  if (name.ends_with("_norm.weight")) return Component::kNorm;
  if (Contains(name, ".attn.")) return Component::kAttention;
  if (Contains(name, ".ffn.experts.")) return Component::kExperts;
  if (Contains(name, ".ffn.shared_experts.")) return Component::kSharedExperts;
  if (Contains(name, ".ffn.gate.")) return Component::kRouter;
  return Component::kOther;
}

std::uint64_t TensorSpec::elements() const {
  std::uint64_t count = 1;  // a Config's bounds keep this from overflowing
  for (const std::uint64_t dimension : shape) count *= dimension;
  return count;
}

bool TensorSpec::trained() const { return format != StoredFormat::kI64; }

std::vector<TensorSpec> TensorsOf(const Config& config) { return Lister(config).List(); }

std::string ScaleName(std::string_view weight_name) {
  constexpr std::string_view kWeight = ".weight";
  HADAL_CHECK(weight_name.ends_with(kWeight));
  return std::string(weight_name.substr(0, weight_name.size() - kWeight.size())) + ".scale";
}

bool IsSharedCopy(std::string_view name) {
  return name.starts_with("mtp.") && (Contains(name, "emb") || name.ends_with("head.weight"));
}

ParameterCount CountParameters(const Config& config) {
  ParameterCount count;
  std::uint64_t experts = 0, embedding = 0;
  for (const TensorSpec& spec : TensorsOf(config)) {
    if (!spec.trained()) continue;
    const Component component = ComponentOf(spec.name);
    if (component == Component::kMtp) {
      count.mtp += spec.elements();
      continue;
    }
    count.total += spec.elements();
    if (component == Component::kExperts) experts += spec.elements();
    if (component == Component::kEmbedding) embedding += spec.elements();
  }
  count.active = count.total - experts - embedding + config.hidden_size +
                 experts / config.n_routed_experts * config.num_experts_per_tok;
  return count;
}

}  // namespace hadal::arch
