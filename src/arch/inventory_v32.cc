#include "arch/inventory_v32.h"

#include <utility>

#include "arch/layer_kind.h"

namespace hadal::arch {
namespace {

class Lister {
 public:
  explicit Lister(const Config& config) : c_(config) {}

  std::vector<TensorSpec> List() && {
    At(Part::kModel, 0);
    AddBf16(Role::kEmbed, c_.vocab_size, c_.hidden_size);
    for (std::size_t layer = 0; layer < c_.num_hidden_layers; ++layer) {
      At(Part::kLayer, layer);
      AddLayer(LayerKindOf(c_, layer).dense);
    }
    At(Part::kModel, 0);
    AddF32(Role::kNorm, c_.hidden_size);
    AddBf16(Role::kHead, c_.vocab_size, c_.hidden_size);
    if (c_.num_nextn_predict_layers == 0) return std::move(specs_);
    At(Part::kMtp, c_.num_hidden_layers);
    AddF32(Role::kENorm, c_.hidden_size);
    AddF32(Role::kHNorm, c_.hidden_size);
    AddBf16(Role::kEhProj, c_.hidden_size, 2 * c_.hidden_size);
    AddLayer(false);
    AddF32(Role::kNorm, c_.hidden_size);
    return std::move(specs_);
  }

 private:
  void At(Part part, std::size_t layer) {
    at_ = {.part = part, .layer = layer, .naming = Naming::kV32};
  }
  void Add(Role role, TensorShape shape, StoredFormat format) {
    TensorId id = at_;
    id.role = role;
    specs_.push_back({id, NameOf(id), std::move(shape), format});
  }
  void AddF32(Role role, std::uint64_t dim) { Add(role, {dim}, StoredFormat::kF32); }
  void AddBf16(Role role, std::uint64_t rows, std::uint64_t cols) {
    Add(role, {rows, cols}, StoredFormat::kBf16);
  }
  void AddFp8(Role role, std::uint64_t rows, std::uint64_t cols) {
    Add(role, {rows, cols}, StoredFormat::kFp8Block128F32);
  }

  void AddAttention() {
    const std::uint64_t heads = c_.num_attention_heads, rank = c_.kv_lora_rank;
    const std::uint64_t q_dim = heads * (c_.qk_nope_head_dim + c_.qk_rope_head_dim);
    AddFp8(Role::kWqA, c_.q_lora_rank, c_.hidden_size);
    AddF32(Role::kQNorm, c_.q_lora_rank);
    AddFp8(Role::kWqB, q_dim, c_.q_lora_rank);
    AddFp8(Role::kWkv, rank + c_.qk_rope_head_dim, c_.hidden_size);
    AddF32(Role::kKvNorm, rank);
    AddFp8(Role::kWkvB, heads * (c_.qk_nope_head_dim + c_.v_head_dim), rank);
    AddFp8(Role::kWo, c_.hidden_size, heads * c_.v_head_dim);
  }
  void AddIndexer() {
    AddFp8(Role::kIndexerWqB, c_.index_n_heads * c_.index_head_dim, c_.q_lora_rank);
    AddFp8(Role::kIndexerWk, c_.index_head_dim, c_.hidden_size);
    AddF32(Role::kIndexerNorm, c_.index_head_dim);
    AddF32(Role::kIndexerNormBias, c_.index_head_dim);
    AddBf16(Role::kIndexerWeightsProj, c_.index_n_heads, c_.hidden_size);
  }
  // Gate, down and up of one gated unit.
  void AddGated(Role w1, Role w2, Role w3, std::uint64_t inner) {
    AddFp8(w1, inner, c_.hidden_size);
    AddFp8(w2, c_.hidden_size, inner);
    AddFp8(w3, inner, c_.hidden_size);
  }
  void AddMoe() {
    AddBf16(Role::kGate, c_.n_routed_experts, c_.hidden_size);
    AddF32(Role::kGateBias, c_.n_routed_experts);
    for (at_.expert = 0; at_.expert < c_.n_routed_experts; ++at_.expert)
      AddGated(Role::kExpertW1, Role::kExpertW2, Role::kExpertW3, c_.moe_intermediate_size);
    at_.expert = 0;
    AddGated(Role::kSharedW1, Role::kSharedW2, Role::kSharedW3,
             c_.n_shared_experts * c_.moe_intermediate_size);
  }
  void AddLayer(bool dense) {
    AddF32(Role::kAttnNorm, c_.hidden_size);
    AddAttention();
    AddIndexer();
    AddF32(Role::kFfnNorm, c_.hidden_size);
    if (dense)
      AddGated(Role::kMlpW1, Role::kMlpW2, Role::kMlpW3, c_.intermediate_size);
    else
      AddMoe();
  }

  const Config& c_;
  TensorId at_;  // where the tensors that are added belong
  std::vector<TensorSpec> specs_;
};

}  // namespace

std::vector<TensorSpec> V32Tensors(const Config& config) { return Lister(config).List(); }

}  // namespace hadal::arch
