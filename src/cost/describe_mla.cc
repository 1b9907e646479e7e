// Multi-head latent attention (arch/mla_config.h). Decoding multiplies with the latents directly
// (W_UK and W_UV absorbed into the queries and outputs); so does the sparse models' prefill, while
// V3 decompresses in prefill.
//
// Source: DeepSeek-V3 and V3.2-Exp inference/model.py (shapes), README_WEIGHTS.md (MTP), FlashMLA
// (656 bytes: 512 E4M3, 4 float32 scales, 64 BF16); DeepGEMM (132 bytes: 128 E4M3, one float32
// scale).
#include <utility>

#include "arch/mla_config.h"
#include "cost/describe_families.h"

namespace hadal::cost {
namespace {

using arch::MlaConfig;

struct Experts {
  std::uint64_t count = 1, active = 1;
};

class MlaWeights {
 public:
  MlaWeights(const MlaConfig& config, const HeldBy& held) : c_(config), list_(held) {}

  std::vector<WeightGroup> List() && {
    Plain("embed_tokens", "model.embed_tokens", Component::kEmbedding, Work::kNone, c_.vocab_size,
          c_.hidden_size, c_.vocab_size);
    for (std::size_t layer = 0; layer < c_.num_hidden_layers; ++layer) {
      prefix_ = fmt::format("model.layers.{}.", layer);
      AddAttention();
      if (layer < c_.first_k_dense_replace)
        AddGated("mlp", "mlp", Component::kFeedForward, c_.intermediate_size);
      else
        AddMoe();
    }
    prefix_ = "model.";
    Norm("norm", Component::kNorms, c_.hidden_size);
    AddHead();
    if (c_.num_nextn_predict_layers > 0) AddMtp();
    return std::move(list_).Take();
  }

 private:
  Component Or(Component component) const { return mtp_ ? Component::kMtp : component; }
  // In the type of what is not quantised.
  void Plain(const char* group, std::string module, Component component, Work work,
             std::uint64_t rows, std::uint64_t cols, std::uint64_t of = 1) {
    list_.Add({.name = group,
               .component = Or(component),
               .work = work,
               .module = {.name = std::move(module), .rows = rows, .cols = cols},
               .of = of});
  }
  void Matrix(const char* name, Component component, std::uint64_t rows, std::uint64_t cols) {
    Plain(name, prefix_ + name, component, Work::kBf16Matrix, rows, cols);
  }
  void AddHead() {
    list_.Add({.name = "lm_head",
               .component = Component::kHead,
               .work = {},
               .module = {.name = "lm_head",
                          .rows = c_.vocab_size,
                          .cols = c_.hidden_size,
                          .linear = true},
               .for_logits = true});
  }
  // `group`: where several vectors are counted as one.
  void Vector(const char* name, Component component, std::uint64_t size, const char* group,
              std::optional<arch::Packing> packing) {
    list_.Add({.name = group == nullptr ? name : group,
               .component = Or(component),
               .module = {.name = prefix_ + name, .cols = size, .packing = packing}});
  }
  void F32Vector(const char* name, Component component, std::uint64_t size,
                 const char* group = nullptr) {
    Vector(name, component, size, group, arch::PackingOf(StoredFormat::kF32));
  }
  void Norm(const char* name, Component component, std::uint64_t size,
            const char* group = nullptr) {
    if (c_.f32_norms) return F32Vector(name, component, size, group);
    Vector(name, component, size, group, {});
  }
  // Quantised if the checkpoint is. `group`: what `module` is counted under.
  void Quantized(const char* group, const std::string& module, Component component,
                 std::optional<Work> work, std::uint64_t rows, std::uint64_t cols,
                 const Experts& experts) {
    list_.Add({.name = group,
               .component = Or(component),
               .work = work,
               .module = {.name = prefix_ + module,
                          .rows = rows,
                          .cols = cols,
                          .count = experts.count,
                          .linear = true},
               .active = experts.active,
               .of = experts.count});
  }
  void Linear(const char* name, const char* module, Component component, std::uint64_t rows,
              std::uint64_t cols) {
    Quantized(name, module, component, {}, rows, cols, {});
  }

  void AddAttention() {
    const std::uint64_t heads = c_.num_attention_heads;
    const Component attention = Component::kAttention;
    const std::uint64_t q = heads * (c_.qk_nope_head_dim + c_.qk_rope_head_dim);
    if (c_.q_lora_rank) {
      Linear("q_a_proj", "self_attn.q_a_proj", attention, *c_.q_lora_rank, c_.hidden_size);
      Norm("self_attn.q_a_layernorm", Component::kNorms, *c_.q_lora_rank, "q_a_layernorm");
      Linear("q_b_proj", "self_attn.q_b_proj", attention, q, *c_.q_lora_rank);
    } else {
      Linear("q_proj", "self_attn.q_proj", attention, q, c_.hidden_size);
    }
    Linear("kv_a_proj_with_mqa", "self_attn.kv_a_proj_with_mqa", attention,
           c_.kv_lora_rank + c_.qk_rope_head_dim, c_.hidden_size);
    Norm("self_attn.kv_a_layernorm", Component::kNorms, c_.kv_lora_rank, "kv_a_layernorm");
    Quantized("kv_b_proj", "self_attn.kv_b_proj", attention, Work::kAbsorbed,
              heads * (c_.qk_nope_head_dim + c_.v_head_dim), c_.kv_lora_rank, {});
    Linear("o_proj", "self_attn.o_proj", attention, c_.hidden_size, heads * c_.v_head_dim);
    Norm("input_layernorm", Component::kNorms, c_.hidden_size);
    Norm("post_attention_layernorm", Component::kNorms, c_.hidden_size);
    if (c_.sparse()) AddIndexer();
  }
  void AddIndexer() {
    const Component indexer = Component::kIndexer;
    Linear("indexer.wq_b", "self_attn.indexer.wq_b", indexer, c_.index_n_heads * c_.index_head_dim,
           *c_.q_lora_rank);
    Linear("indexer.wk", "self_attn.indexer.wk", indexer, c_.index_head_dim, c_.hidden_size);
    for (const char* name : {"self_attn.indexer.k_norm", "self_attn.indexer.k_norm.bias"})
      F32Vector(name, indexer, c_.index_head_dim, "indexer.k_norm");
    Plain("indexer.weights_proj", prefix_ + "self_attn.indexer.weights_proj", indexer,
          Work::kBf16Matrix, c_.index_n_heads, c_.hidden_size);
  }
  // gate_proj, up_proj and down_proj, of one MLP or of experts.
  void AddGated(const std::string& group, const std::string& module, Component component,
                std::uint64_t inner, const Experts& experts = {}) {
    const std::string gate_up = group + ".gate_up", down = group + ".down";
    for (const char* name : {".gate_proj", ".up_proj"})
      Quantized(gate_up.c_str(), module + name, component, {}, inner, c_.hidden_size, experts);
    Quantized(down.c_str(), module + ".down_proj", component, {}, c_.hidden_size, inner, experts);
  }
  void AddMoe() {
    const std::uint64_t experts = c_.n_routed_experts, inner = c_.moe_intermediate_size;
    Matrix("mlp.gate", Component::kRouter, experts, c_.hidden_size);
    if (c_.router_bias) F32Vector("mlp.gate.e_score_correction_bias", Component::kRouter, experts);
    AddGated("mlp.experts", "mlp.experts.0", Component::kExperts, inner,
             {.count = experts, .active = c_.num_experts_per_tok});
    if (c_.n_shared_experts > 0)
      AddGated("mlp.shared_experts", "mlp.shared_experts", Component::kSharedExperts,
               inner * c_.n_shared_experts);
  }
  // A whole layer and the projection in front of it; embedding and head are the model's own.
  void AddMtp() {
    mtp_ = true;
    prefix_ = fmt::format("model.layers.{}.", c_.num_hidden_layers);
    for (const char* name : {"enorm", "hnorm", "shared_head.norm"})
      Norm(name, Component::kMtp, c_.hidden_size, "enorm, hnorm, norm");
    Matrix("eh_proj", Component::kMtp, c_.hidden_size, 2 * c_.hidden_size);
    AddAttention();
    AddMoe();
  }

  const MlaConfig& c_;
  bool mtp_ = false;
  std::string prefix_;
  WeightList list_;
};

KvGroup Latents(const MlaConfig& c) {
  const std::uint64_t latent = c.kv_lora_rank, rope = c.qk_rope_head_dim;
  const std::uint64_t heads = c.num_attention_heads, bf16 = 2 * (latent + rope);
  const std::uint64_t payload = c.sparse() ? latent + 2 * rope : bf16;
  const std::uint64_t published = c.sparse() ? payload + 4 * ((latent + 127) / 128) : bf16;
  const std::uint64_t absorbed = heads * (2 * latent + rope);
  return {.name = "latent entries",
          .key = "latent",
          .layers = c.num_hidden_layers,
          .max_read = c.index_topk,
          .macs_per_read = absorbed,
          .prefill_macs_per_read =
              c.sparse() ? absorbed : heads * (c.qk_nope_head_dim + rope + c.v_head_dim),
          .entry_bytes = {published, payload, published, published, bf16, bf16}};
}

KvGroup IndexKeys(const MlaConfig& c) {
  const std::uint64_t dim = c.index_head_dim, published = dim + 4 * ((dim + 127) / 128);
  const std::uint64_t macs = c.index_n_heads * dim;
  return {.name = "index keys",
          .key = "index_keys",
          .component = Component::kIndexScores,
          .work = Work::kIndexFp8,
          .layers = c.num_hidden_layers,
          .macs_per_read = macs,
          .prefill_macs_per_read = macs,
          .entry_bytes = {published, dim, published, published, 2 * dim, published}};
}

// The MTP block is a layer more, with entries of its own. Of V3.2, whose engine is here; what
// others keep for it is theirs to say.
void AddMtpEntries(std::vector<KvGroup>* groups) {
  const std::vector<KvGroup> of_layers = *groups;
  for (KvGroup group : of_layers) {
    group.name = "MTP " + group.name;
    group.key = "mtp_" + group.key;
    group.component = Component::kMtp;
    group.layers = 1;
    groups->push_back(std::move(group));
  }
}

}  // namespace

CostModel DescribeMla(const MlaConfig& c, const HeldBy& held) {
  CostModel model{.layers = c.num_hidden_layers,
                  .hidden_size = c.hidden_size,
                  .vocab_size = c.vocab_size,
                  .max_context = c.max_position_embeddings,
                  .experts = c.n_routed_experts,
                  .experts_per_token = c.num_experts_per_tok,
                  .weights = MlaWeights(c, held).List(),
                  .kv = {Latents(c)}};
  if (c.sparse()) model.kv.push_back(IndexKeys(c));
  if (c.sparse() && c.num_nextn_predict_layers > 0) AddMtpEntries(&model.kv);
  if (c.num_nextn_predict_layers == 0)
    model.notes.emplace_back("num_nextn_predict_layers is 0: weights are counted without MTP");
  if (!c.sparse()) model.notes.emplace_back("entries are kept in BF16, as V3's own code does");
  return model;
}

}  // namespace hadal::cost
