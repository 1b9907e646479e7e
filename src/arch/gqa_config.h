// What config.json says of a plain transformer: attention with grouped queries (one KV head: MQA;
// as many as heads: MHA), a gated MLP or routed experts, RMSNorm.
//
//   llama mistral mixtral qwen2 qwen3 qwen3_moe
//   gpt_oss              a window in every other layer, sinks, biases everywhere, fused experts
//   gemma                a tied head, heads wider than hidden_size / num_attention_heads
//   gemma2, gemma3_text  also windows in most layers, and norms behind attention and MLP too
//
// Source: Hugging Face transformers, configuration_ and modeling_ of each (names, shapes, which of
// them have biases and head norms; the rules of fields that a file may leave out).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "arch/config_fields.h"

namespace hadal::arch {

struct GqaConfig {
  std::size_t vocab_size = 0, hidden_size = 0, num_hidden_layers = 0, intermediate_size = 0;
  std::size_t num_attention_heads = 0, num_key_value_heads = 0, head_dim = 0;
  std::size_t experts = 0, experts_per_token = 0, expert_inner = 0;  // 0: a dense MLP
  std::size_t max_position_embeddings = 0;
  std::vector<std::size_t> windows;  // tokens that a layer keeps; 0: all
  bool tied = false;                 // the head is the embedding
  bool qkv_bias = false, o_bias = false, mlp_bias = false;
  bool head_norms = false;      // of queries and keys, in each head
  bool sandwich_norms = false;  // behind attention and MLP, not only before
  bool sinks = false;           // a trained logit a head
  bool router_bias = false, expert_bias = false;
  bool fused_experts = false;  // one tensor for all experts of a layer, gate and up in one
  std::string experts_in;      // the block that holds router and experts: "mlp", "block_sparse_moe"

  bool moe() const { return experts > 0; }
};

inline const std::vector<std::string> kGqaTypes = {"llama",  "mistral",    "mixtral", "qwen2",
                                                   "qwen3",  "qwen3_moe",  "gpt_oss", "gemma",
                                                   "gemma2", "gemma3_text"};

// Into *notes: what the config does not say and the architecture's rule decides. Errors are the
// fields'.
GqaConfig ReadGqa(Fields& fields, const std::string& model_type, std::vector<std::string>* notes);

}  // namespace hadal::arch
