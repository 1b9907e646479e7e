#include "arch/mla_config.h"

#include <utility>

namespace hadal::arch {
namespace {

constexpr std::size_t kMaxDim = std::size_t{1} << 17, kMaxCount = 4096;
constexpr std::size_t kMaxVocab = std::size_t{1} << 24;

void ReadSizes(Fields& fields, MlaConfig& c) {
  fields.Size("vocab_size", 1, kMaxVocab, &c.vocab_size);
  fields.Size("hidden_size", 1, kMaxDim, &c.hidden_size);
  fields.Size("num_hidden_layers", 1, kMaxCount, &c.num_hidden_layers);
  fields.Size("num_attention_heads", 1, kMaxCount, &c.num_attention_heads);
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
  fields.Size("max_position_embeddings", 1, kMaxVocab, &c.max_position_embeddings);
}

// A number, or null: queries straight from the hidden state. Not left out: V3's own default is
// 1536.
void ReadQueries(Fields& fields, MlaConfig& c) {
  if (fields.ok() && fields.Find("q_lora_rank") == nullptr)
    fields.Refuse(Code::kInvalid, "q_lora_rank", "an integer, or null for none");
  fields.OptionalSize("q_lora_rank", 1, kMaxDim, &c.q_lora_rank);
}

void ReadIndexer(Fields& fields, bool sparse, MlaConfig& c) {
  if (!sparse) return fields.Absent({"index_topk", "index_n_heads", "index_head_dim"});
  fields.Size("index_n_heads", 1, kMaxCount, &c.index_n_heads);
  fields.Size("index_head_dim", 1, kMaxDim, &c.index_head_dim);
  fields.Size("index_topk", 1, kMaxVocab, &c.index_topk);
  // The indexer's queries are made from the bottleneck of the main ones.
  if (fields.ok() && !c.q_lora_rank)
    fields.Refuse(Code::kInvalid, "q_lora_rank", "an integer: the indexer reads its output");
  // Indexers that several layers share.
  fields.Only("index_topk_freq", 1);
  fields.Absent({"indexer_types"});
}

void CheckTogether(Fields& fields, const MlaConfig& c) {
  if (!fields.ok()) return;
  if (c.first_k_dense_replace > c.num_hidden_layers)
    fields.Refuse(Code::kInvalid, "first_k_dense_replace",
                  fmt::format("at most num_hidden_layers {}", c.num_hidden_layers));
  if (c.num_experts_per_tok > c.n_routed_experts)
    fields.Refuse(Code::kInvalid, "num_experts_per_tok",
                  fmt::format("at most n_routed_experts {}", c.n_routed_experts));
}

}  // namespace

MlaConfig ReadMla(Fields& fields, const std::string& model_type, std::vector<std::string>* notes) {
  MlaConfig c;
  const bool v2 = model_type == "deepseek_v2";
  c.router_bias = !v2;
  c.f32_norms = model_type == "deepseek_v32";
  ReadSizes(fields, c);
  // V2's releases have no such block, and their configs no such field.
  if (!v2 || fields.Has("num_nextn_predict_layers"))
    fields.Size("num_nextn_predict_layers", 0, v2 ? 0 : 1, &c.num_nextn_predict_layers);
  ReadQueries(fields, c);
  ReadIndexer(fields, model_type == "deepseek_v32" || model_type == "glm_moe_dsa", c);
  fields.Absent({"compress_ratios"});
  fields.Only("moe_layer_freq", 1);
  fields.Only("tie_word_embeddings", false);
  fields.Only("attention_bias", false);
  for (const auto& [key, rule] :
       {std::pair{"moe_layer_freq", "experts in every layer that is not dense"},
        std::pair{"tie_word_embeddings", "a head of its own"}, std::pair{"attention_bias", "none"}})
    if (!fields.Has(key)) notes->push_back(fmt::format("{} is not given: {}", key, rule));
  CheckTogether(fields, c);
  return c;
}

}  // namespace hadal::arch
