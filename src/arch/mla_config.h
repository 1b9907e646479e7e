// What config.json says of a model with multi-head latent attention: DeepSeek-V2, V3 and V3.2, and
// models of their architectures. A latent of kv_lora_rank + qk_rope_head_dim a token serves all
// heads; V3.2 and GLM-5 choose with a lightning indexer which of them a token reads.
//
//   deepseek_v2                no bias in the router
//   deepseek_v3, kimi_k2       with one; queries may come straight from the hidden state, where
//                              q_lora_rank is null
//   deepseek_v32, glm_moe_dsa  with one, and an indexer
//
// Source: DeepSeek-V3 and V3.2-Exp inference/model.py; config.json of DeepSeek-V2, Kimi-K2,
// Moonlight, GLM-5.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "arch/config_fields.h"

namespace hadal::arch {

struct MlaConfig {
  std::size_t vocab_size = 0, hidden_size = 0, num_hidden_layers = 0, num_attention_heads = 0;
  std::optional<std::size_t> q_lora_rank;
  std::size_t kv_lora_rank = 0;
  std::size_t qk_nope_head_dim = 0, qk_rope_head_dim = 0, v_head_dim = 0;
  std::size_t intermediate_size = 0, moe_intermediate_size = 0, first_k_dense_replace = 0;
  std::size_t n_routed_experts = 0, n_shared_experts = 0, num_experts_per_tok = 0;
  std::size_t index_n_heads = 0, index_head_dim = 0, index_topk = 0;  // 0: no indexer
  std::size_t num_nextn_predict_layers = 0, max_position_embeddings = 0;
  bool router_bias = true;
  bool f32_norms = false;  // V3.2's release stores them so, whatever its dtype; others do not

  bool sparse() const { return index_topk > 0; }
  std::size_t moe_layers() const { return num_hidden_layers - first_k_dense_replace; }
};

inline const std::vector<std::string> kMlaTypes = {"deepseek_v2", "deepseek_v3", "deepseek_v32",
                                                   "kimi_k2", "glm_moe_dsa"};

// Into *notes: what the config does not say and the architecture's rule decides. Errors are the
// fields'.
MlaConfig ReadMla(Fields& fields, const std::string& model_type, std::vector<std::string>* notes);

}  // namespace hadal::arch
