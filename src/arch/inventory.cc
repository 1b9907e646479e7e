#include "arch/inventory.h"

#include <utility>

#include "arch/inventory_v32.h"

namespace hadal::arch {
namespace {

class Lister {
 public:
  explicit Lister(const Config& config) : c_(config) {}

  std::vector<TensorSpec> List() && {
    at_ = {};
    AddBf16(Role::kEmbed, c_.vocab_size, c_.hidden_size);
    for (std::size_t layer = 0; layer < c_.num_hidden_layers; ++layer) {
      at_ = {.part = Part::kLayer, .layer = layer};
      AddLayer(c_.compress_ratios[layer], layer < c_.num_hash_layers);
    }
    at_ = {};
    AddHead();
    AddBf16(Role::kHead, c_.vocab_size, c_.hidden_size);
    for (std::size_t i = 0; i < c_.num_nextn_predict_layers; ++i) {
      at_ = {.part = Part::kMtp, .layer = i};
      AddMtp(c_.compress_ratios[c_.num_hidden_layers + i]);
    }
    return std::move(specs_);
  }

 private:
  void Add(Role role, TensorShape shape, StoredFormat format) {
    TensorId id = at_;
    id.role = role;
    specs_.push_back({id, NameOf(id), std::move(shape), format});
  }
  void AddF32(Role role, TensorShape shape) { Add(role, std::move(shape), StoredFormat::kF32); }
  void AddNorm(Role role, std::uint64_t dim) { Add(role, {dim}, StoredFormat::kBf16); }
  void AddFp8(Role role, std::uint64_t rows, std::uint64_t cols) {
    Add(role, {rows, cols}, StoredFormat::kFp8Block128);
  }
  void AddBf16(Role role, std::uint64_t rows, std::uint64_t cols) {
    Add(role, {rows, cols}, StoredFormat::kBf16);
  }

  void AddHyperConnection(Role fn, Role base, Role scale) {
    const std::uint64_t mixes = c_.hc_mult * (c_.hc_mult + 2);  // pre, post, comb
    AddF32(fn, {mixes, c_.hc_mult * c_.hidden_size});
    AddF32(base, {mixes});
    AddF32(scale, {3});
  }
  void AddHead() {  // what lies before the product that gives logits
    AddNorm(Role::kNorm, c_.hidden_size);
    AddF32(Role::kHcHeadFn, {c_.hc_mult, c_.hc_mult * c_.hidden_size});
    AddF32(Role::kHcHeadBase, {c_.hc_mult});
    AddF32(Role::kHcHeadScale, {1});
  }
  struct CompressorRoles {
    Role ape, wkv, wgate, norm;
  };
  void AddCompressor(const CompressorRoles& roles, std::size_t ratio, std::size_t dim) {
    const std::uint64_t width = ratio == kCsaRatio ? 2 * dim : dim;
    AddF32(roles.ape, {ratio, width});
    AddBf16(roles.wkv, width, c_.hidden_size);
    AddBf16(roles.wgate, width, c_.hidden_size);
    AddNorm(roles.norm, dim);
  }
  void AddAttention(std::size_t ratio) {
    const std::uint64_t q_dim = c_.num_attention_heads * c_.head_dim;
    const std::uint64_t o_dim = c_.o_groups * c_.o_lora_rank;
    AddF32(Role::kAttnSink, {c_.num_attention_heads});
    AddFp8(Role::kWqA, c_.q_lora_rank, c_.hidden_size);
    AddNorm(Role::kQNorm, c_.q_lora_rank);
    AddFp8(Role::kWqB, q_dim, c_.q_lora_rank);
    AddFp8(Role::kWkv, c_.head_dim, c_.hidden_size);
    AddNorm(Role::kKvNorm, c_.head_dim);
    AddFp8(Role::kWoA, o_dim, q_dim / c_.o_groups);
    AddFp8(Role::kWoB, c_.hidden_size, o_dim);
    if (ratio == 0) return;
    AddCompressor(
        {Role::kCompressorApe, Role::kCompressorWkv, Role::kCompressorWgate, Role::kCompressorNorm},
        ratio, c_.head_dim);
    if (ratio != kCsaRatio) return;
    AddFp8(Role::kIndexerWqB, c_.index_n_heads * c_.index_head_dim, c_.q_lora_rank);
    AddBf16(Role::kIndexerWeightsProj, c_.index_n_heads, c_.hidden_size);
    AddCompressor({Role::kIndexerApe, Role::kIndexerWkv, Role::kIndexerWgate, Role::kIndexerNorm},
                  ratio, c_.index_head_dim);
  }
  void AddExpert(Role w1, Role w2, Role w3, StoredFormat format) {
    const std::uint64_t inner = c_.moe_intermediate_size;
    Add(w1, {inner, c_.hidden_size}, format);
    Add(w2, {c_.hidden_size, inner}, format);
    Add(w3, {inner, c_.hidden_size}, format);
  }
  void AddMoe(bool hashed) {
    AddBf16(Role::kGate, c_.n_routed_experts, c_.hidden_size);
    if (hashed)
      Add(Role::kTid2Eid, {c_.vocab_size, c_.num_experts_per_tok}, StoredFormat::kI64);
    else
      AddF32(Role::kGateBias, {c_.n_routed_experts});
    for (at_.expert = 0; at_.expert < c_.n_routed_experts; ++at_.expert)
      AddExpert(Role::kExpertW1, Role::kExpertW2, Role::kExpertW3, StoredFormat::kFp4Block32);
    at_.expert = 0;
    AddExpert(Role::kSharedW1, Role::kSharedW2, Role::kSharedW3, StoredFormat::kFp8Block128);
  }
  void AddLayer(std::size_t ratio, bool hashed) {
    AddHyperConnection(Role::kHcAttnFn, Role::kHcAttnBase, Role::kHcAttnScale);
    AddNorm(Role::kAttnNorm, c_.hidden_size);
    AddAttention(ratio);
    AddHyperConnection(Role::kHcFfnFn, Role::kHcFfnBase, Role::kHcFfnScale);
    AddNorm(Role::kFfnNorm, c_.hidden_size);
    AddMoe(hashed);
  }
  void AddMtp(std::size_t ratio) {
    AddFp8(Role::kEProj, c_.hidden_size, c_.hidden_size);
    AddFp8(Role::kHProj, c_.hidden_size, c_.hidden_size);
    AddNorm(Role::kENorm, c_.hidden_size);
    AddNorm(Role::kHNorm, c_.hidden_size);
    AddLayer(ratio, false);
    AddHead();
  }

  const Config& c_;
  TensorId at_;  // where the tensors that are added belong
  std::vector<TensorSpec> specs_;
};

}  // namespace

std::uint64_t TensorSpec::elements() const {
  std::uint64_t count = 1;  // a Config's bounds keep this from overflowing
  for (const std::uint64_t dimension : shape) count *= dimension;
  return count;
}

bool TensorSpec::trained() const { return format != StoredFormat::kI64; }

std::vector<TensorSpec> TensorsOf(const Config& config) {
  return config.architecture == Architecture::kV32 ? V32Tensors(config) : Lister(config).List();
}

ParameterCount CountParameters(const Config& config) {
  ParameterCount count;
  std::uint64_t experts = 0, embedding = 0;
  for (const TensorSpec& spec : TensorsOf(config)) {
    if (!spec.trained()) continue;
    const Component component = ComponentOf(spec.id);
    if (component == Component::kMtp) {
      count.mtp += spec.elements();
      continue;
    }
    count.total += spec.elements();
    if (component == Component::kExperts) experts += spec.elements();
    if (component == Component::kEmbedding) embedding += spec.elements();
  }
  count.active = count.total - experts - embedding +
                 experts / config.n_routed_experts * config.num_experts_per_tok;
  return count;
}

}  // namespace hadal::arch
