// DeepSeek-V3 and V3.2: attention over one latent of kv_lora_rank + qk_rope_head_dim for all heads, with
// V3.2's lightning indexer. Decoding multiplies with the latents directly (W_UK and W_UV absorbed into
// the queries and outputs); so does V3.2's sparse prefill, while V3 decompresses in prefill.
//
// Source: DeepSeek-V3 and V3.2-Exp inference/model.py (shapes), README_WEIGHTS.md (MTP), FlashMLA
// (656 bytes: 512 E4M3, 4 float32 scales, 64 BF16); DeepGEMM (132 bytes: 128 E4M3, one float32 scale).
#include <utility>

#include "arch/config_fields.h"
#include "cost/describe.h"

namespace hadal::cost {
namespace {

constexpr std::size_t kMaxDim = std::size_t{1} << 17, kMaxCount = 4096;
constexpr std::size_t kMaxVocab = std::size_t{1} << 24;

struct MlaConfig {
  bool sparse = false, fp8 = false;
  std::size_t vocab_size = 0, hidden_size = 0, num_hidden_layers = 0, num_attention_heads = 0;
  std::size_t q_lora_rank = 0, kv_lora_rank = 0;
  std::size_t qk_nope_head_dim = 0, qk_rope_head_dim = 0, v_head_dim = 0;
  std::size_t intermediate_size = 0, moe_intermediate_size = 0, first_k_dense_replace = 0;
  std::size_t n_routed_experts = 0, n_shared_experts = 0, num_experts_per_tok = 0;
  std::size_t index_n_heads = 0, index_head_dim = 0, index_topk = 0;
  std::size_t num_nextn_predict_layers = 0, max_position_embeddings = 0;
  std::vector<std::string> notes;

  std::uint64_t moe_layers() const { return num_hidden_layers - first_k_dense_replace; }
};

void ReadSizes(arch::Fields& fields, MlaConfig& c) {
  fields.Size("vocab_size", 1, kMaxVocab, &c.vocab_size);
  fields.Size("hidden_size", 1, kMaxDim, &c.hidden_size);
  fields.Size("num_hidden_layers", 1, kMaxCount, &c.num_hidden_layers);
  fields.Size("num_attention_heads", 1, kMaxCount, &c.num_attention_heads);
  fields.Size("q_lora_rank", 1, kMaxDim, &c.q_lora_rank);
  fields.Size("kv_lora_rank", 1, kMaxDim, &c.kv_lora_rank);
  fields.Size("qk_nope_head_dim", 1, kMaxDim, &c.qk_nope_head_dim);
  fields.Size("qk_rope_head_dim", 1, kMaxDim, &c.qk_rope_head_dim);
  fields.Size("v_head_dim", 1, kMaxDim, &c.v_head_dim);
  fields.Size("intermediate_size", 1, kMaxDim, &c.intermediate_size);
  fields.Size("moe_intermediate_size", 1, kMaxDim, &c.moe_intermediate_size);
  fields.Size("first_k_dense_replace", 0, kMaxCount, &c.first_k_dense_replace);
  fields.Size("n_routed_experts", 1, kMaxCount, &c.n_routed_experts);
  fields.Size("n_shared_experts", 0, kMaxCount, &c.n_shared_experts);
  fields.Size("num_experts_per_tok", 1, kMaxCount, &c.num_experts_per_tok);
  fields.Size("num_nextn_predict_layers", 0, 1, &c.num_nextn_predict_layers);
  fields.Size("max_position_embeddings", 1, kMaxVocab, &c.max_position_embeddings);
  if (!c.sparse) return;
  fields.Size("index_n_heads", 1, kMaxCount, &c.index_n_heads);
  fields.Size("index_head_dim", 1, kMaxDim, &c.index_head_dim);
  fields.Size("index_topk", 1, kMaxVocab, &c.index_topk);
}

void CheckTogether(arch::Fields& fields, const MlaConfig& c) {
  if (!fields.ok()) return;
  if (c.first_k_dense_replace > c.num_hidden_layers)
    fields.Refuse(Code::kInvalid, "first_k_dense_replace",
                  fmt::format("at most num_hidden_layers {}", c.num_hidden_layers));
  if (c.num_experts_per_tok > c.n_routed_experts)
    fields.Refuse(Code::kInvalid, "num_experts_per_tok",
                  fmt::format("at most n_routed_experts {}", c.n_routed_experts));
}

Result<MlaConfig> Read(const Json& json) {
  MlaConfig c;
  arch::Fields fields(json, "config.json");
  std::size_t type = 0;
  fields.Choice("model_type", {"deepseek_v3", "deepseek_v32"}, &type);
  c.sparse = type == 1;
  ReadSizes(fields, c);
  if (!c.sparse) RefuseOthers(fields, {"index_topk", "index_n_heads", "index_head_dim"});
  RefuseOthers(fields, {"compress_ratios"});
  fields.Only("moe_layer_freq", 1);
  fields.Only("tie_word_embeddings", false);
  fields.Only("attention_bias", false);
  for (const auto& [key, rule] :
       {std::pair{"moe_layer_freq", "experts in every layer that is not dense"},
        std::pair{"tie_word_embeddings", "a head of its own"}, std::pair{"attention_bias", "none"}})
    if (!fields.Has(key)) c.notes.push_back(fmt::format("{} is not given: {}", key, rule));
  CheckTogether(fields, c);
  c.fp8 = fields.Has("quantization_config");
  if (c.fp8 && fields.ok()) {
    arch::Fields sub(*fields.Find("quantization_config"), "config.json: quantization_config");
    std::size_t fp8 = 0;
    sub.Choice("quant_method", {"fp8"}, &fp8);
    if (!sub.Has("weight_block_size")) sub.Refuse(Code::kInvalid, "weight_block_size", "[128,128]");
    sub.Only("weight_block_size", Json::Array{128, 128});
    fields.Take(sub);
  } else {
    std::size_t half = 0;
    fields.Choice("torch_dtype", {"bfloat16", "float16"}, &half);
  }
  if (!fields.ok()) return fields.error();
  return c;
}

class MlaWeights {
 public:
  explicit MlaWeights(const MlaConfig& config) : c_(config) {}

  std::vector<WeightGroup> List() && {
    Plain("embed_tokens", Component::kEmbedding, Work::kNone, c_.vocab_size, c_.hidden_size, 1,
          c_.vocab_size);
    AddAttention(c_.num_hidden_layers);
    AddDense();
    AddMoe(c_.moe_layers());
    Vector("norm", Component::kNorms, c_.hidden_size, 1);
    Plain("lm_head", Component::kHead, Work::kBf16Matrix, c_.vocab_size, c_.hidden_size, 1, 1);
    if (c_.num_nextn_predict_layers > 0) AddMtp();
    return std::move(list_).Take();
  }

 private:
  Component Or(Component component) const { return mtp_ ? Component::kMtp : component; }
  void Plain(const char* name, Component component, Work work, std::uint64_t rows,
             std::uint64_t cols, std::uint64_t count, std::uint64_t of) {
    list_.Add({.name = name,
               .component = Or(component),
               .work = work,
               .rows = rows,
               .cols = cols,
               .count = count,
               .of = of,
               .for_logits = component == Component::kHead});
  }
  void Vector(const char* name, Component component, std::uint64_t size, std::uint64_t count,
              StoredFormat stored = StoredFormat::kBf16) {
    list_.Add(
        {.name = name, .component = Or(component), .cols = size, .stored = stored, .count = count});
  }
  // In FP8 if the checkpoint is.
  void Linear(const char* name, Component component, std::uint64_t rows, std::uint64_t cols,
              std::uint64_t count, std::uint64_t active = 1, std::uint64_t of = 1) {
    const Work work = c_.fp8 ? Work::kFp8Matrix : Work::kBf16Matrix;
    LinearAs(work, name, component, rows, cols, count, active, of);
  }
  void LinearAs(Work work, const char* name, Component component, std::uint64_t rows,
                std::uint64_t cols, std::uint64_t count, std::uint64_t active, std::uint64_t of) {
    const StoredFormat stored = c_.fp8 ? StoredFormat::kFp8Block128F32 : StoredFormat::kBf16;
    list_.Add({.name = name,
               .component = Or(component),
               .work = work,
               .rows = rows,
               .cols = cols,
               .stored = stored,
               .count = count,
               .active = active,
               .of = of});
  }

  void AddAttention(std::uint64_t layers) {
    const std::uint64_t heads = c_.num_attention_heads;
    const Component attention = Component::kAttention;
    Linear("q_a_proj", attention, c_.q_lora_rank, c_.hidden_size, layers);
    Vector("q_a_layernorm", Component::kNorms, c_.q_lora_rank, layers);
    Linear("q_b_proj", attention, heads * (c_.qk_nope_head_dim + c_.qk_rope_head_dim),
           c_.q_lora_rank, layers);
    Linear("kv_a_proj_with_mqa", attention, c_.kv_lora_rank + c_.qk_rope_head_dim, c_.hidden_size,
           layers);
    Vector("kv_a_layernorm", Component::kNorms, c_.kv_lora_rank, layers);
    LinearAs(Work::kAbsorbed, "kv_b_proj", attention, heads * (c_.qk_nope_head_dim + c_.v_head_dim),
             c_.kv_lora_rank, layers, 1, 1);
    Linear("o_proj", attention, c_.hidden_size, heads * c_.v_head_dim, layers);
    Vector("input_layernorm", Component::kNorms, c_.hidden_size, layers);
    Vector("post_attention_layernorm", Component::kNorms, c_.hidden_size, layers);
    if (!c_.sparse) return;
    Linear("indexer.wq_b", Component::kIndexer, c_.index_n_heads * c_.index_head_dim,
           c_.q_lora_rank, layers);
    Linear("indexer.wk", Component::kIndexer, c_.index_head_dim, c_.hidden_size, layers);
    Vector("indexer.k_norm", Component::kIndexer, 2 * c_.index_head_dim, layers,
           StoredFormat::kF32);
    Plain("indexer.weights_proj", Component::kIndexer, Work::kBf16Matrix, c_.index_n_heads,
          c_.hidden_size, layers, 1);
  }
  void AddDense() {
    const std::uint64_t layers = c_.first_k_dense_replace, inner = c_.intermediate_size;
    Linear("mlp.gate_up", Component::kFeedForward, inner, c_.hidden_size, 2 * layers);
    Linear("mlp.down", Component::kFeedForward, c_.hidden_size, inner, layers);
  }
  void AddMoe(std::uint64_t layers) {
    const std::uint64_t experts = c_.n_routed_experts, inner = c_.moe_intermediate_size;
    const std::uint64_t active = c_.num_experts_per_tok, shared = inner * c_.n_shared_experts;
    Plain("mlp.gate", Component::kRouter, Work::kBf16Matrix, experts, c_.hidden_size, layers, 1);
    Vector("mlp.gate.e_score_correction_bias", Component::kRouter, experts, layers,
           StoredFormat::kF32);
    Linear("mlp.experts.gate_up", Component::kExperts, inner, c_.hidden_size, 2 * layers * experts,
           active, experts);
    Linear("mlp.experts.down", Component::kExperts, c_.hidden_size, inner, layers * experts, active,
           experts);
    if (shared == 0) return;
    Linear("mlp.shared_experts.gate_up", Component::kSharedExperts, shared, c_.hidden_size,
           2 * layers);
    Linear("mlp.shared_experts.down", Component::kSharedExperts, c_.hidden_size, shared, layers);
  }
  // A whole layer and the projection in front of it; embedding and head are the model's own.
  void AddMtp() {
    mtp_ = true;
    Vector("enorm, hnorm, norm", Component::kMtp, c_.hidden_size, 3);
    Plain("eh_proj", Component::kMtp, Work::kBf16Matrix, c_.hidden_size, 2 * c_.hidden_size, 1, 1);
    AddAttention(1);
    AddMoe(1);
  }

  const MlaConfig& c_;
  bool mtp_ = false;
  WeightList list_;
};

KvGroup Latents(const MlaConfig& c) {
  const std::uint64_t latent = c.kv_lora_rank, rope = c.qk_rope_head_dim;
  const std::uint64_t heads = c.num_attention_heads, bf16 = 2 * (latent + rope);
  const std::uint64_t payload = c.sparse ? latent + 2 * rope : bf16;
  const std::uint64_t published = c.sparse ? payload + 4 * ((latent + 127) / 128) : bf16;
  const std::uint64_t absorbed = heads * (2 * latent + rope);
  return {.name = "latent entries",
          .key = "latent",
          .layers = c.num_hidden_layers,
          .max_read = c.index_topk,
          .macs_per_read = absorbed,
          .prefill_macs_per_read =
              c.sparse ? absorbed : heads * (c.qk_nope_head_dim + rope + c.v_head_dim),
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

}  // namespace

Result<CostModel> DescribeMla(const Json& json, std::string name) {
  HADAL_TRY(const MlaConfig c, Read(json));
  CostModel model{.name = std::move(name),
                  .architecture = c.sparse ? "deepseek_v32" : "deepseek_v3",
                  .layers = c.num_hidden_layers,
                  .hidden_size = c.hidden_size,
                  .vocab_size = c.vocab_size,
                  .max_context = c.max_position_embeddings,
                  .experts = c.n_routed_experts,
                  .experts_per_token = c.num_experts_per_tok,
                  .weights = MlaWeights(c).List(),
                  .kv = {Latents(c)},
                  .notes = c.notes};
  if (c.sparse) model.kv.push_back(IndexKeys(c));
  if (c.num_nextn_predict_layers == 0)
    model.notes.emplace_back("num_nextn_predict_layers is 0: weights are counted without MTP");
  if (!c.sparse) model.notes.emplace_back("entries are kept in BF16, as V3's own code does");
  return model;
}

}  // namespace hadal::cost
