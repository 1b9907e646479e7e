// Plain transformers (arch/gqa_config.h): keys and values of each KV head, in the model's 16- or
// 32-bit type.
#include <array>
#include <utility>

#include "arch/gqa_config.h"
#include "cost/describe_families.h"

namespace hadal::cost {
namespace {

using arch::GqaConfig;

class GqaWeights {
 public:
  GqaWeights(const GqaConfig& config, const HeldBy& held) : c_(config), list_(held) {}

  std::vector<WeightGroup> List() && {
    AddEmbedding();
    for (std::size_t layer = 0; layer < c_.num_hidden_layers; ++layer) {
      prefix_ = fmt::format("model.layers.{}.", layer);
      AddAttention();
      c_.moe() ? AddExperts() : AddMlp();
      for (const char* name : {"input_layernorm", "post_attention_layernorm"})
        Vector(name, Component::kNorms, c_.hidden_size);
      if (!c_.sandwich_norms) continue;
      for (const char* name : {"pre_feedforward_layernorm", "post_feedforward_layernorm"})
        Vector(name, Component::kNorms, c_.hidden_size);
    }
    prefix_ = "model.";
    Vector("norm", Component::kNorms, c_.hidden_size);
    if (!c_.tied)
      list_.Add({.name = "lm_head",
                 .component = Component::kHead,
                 .work = {},
                 .module = Vocabulary("lm_head", true),
                 .for_logits = true});
    return std::move(list_).Take();
  }

 private:
  arch::Module Vocabulary(const char* name, bool linear) const {
    return {.name = name, .rows = c_.vocab_size, .cols = c_.hidden_size, .linear = linear};
  }
  // A tied head is the embedding's own matrix, which then takes part as a whole.
  void AddEmbedding() {
    if (c_.tied)
      list_.Add({.name = "embed_tokens (and head)",
                 .component = Component::kHead,
                 .work = Work::kBf16Matrix,
                 .module = Vocabulary("model.embed_tokens", false),
                 .for_logits = true});
    else
      list_.Add({.name = "embed_tokens",
                 .component = Component::kEmbedding,
                 .module = Vocabulary("model.embed_tokens", false),
                 .of = c_.vocab_size});
  }
  // `group`: where several vectors are counted as one.
  void Vector(const std::string& name, Component component, std::uint64_t size,
              const char* group = nullptr) {
    list_.Add({.name = group == nullptr ? name.c_str() : group,
               .component = component,
               .module = {.name = prefix_ + name, .cols = size}});
  }
  // `group`: what the matrix `name` is counted under.
  void Linear(const char* group, const std::string& name, Component component, std::uint64_t rows,
              std::uint64_t cols, bool bias = false) {
    list_.Add({.name = group,
               .component = component,
               .work = {},
               .module = {.name = prefix_ + name, .rows = rows, .cols = cols, .linear = true}});
    if (bias) Vector(name + ".bias", component, rows, "biases");
  }
  void AddAttention() {
    const std::uint64_t q = c_.num_attention_heads * c_.head_dim;
    const std::uint64_t kv = c_.num_key_value_heads * c_.head_dim;
    const Component attention = Component::kAttention;
    Linear("q_proj", "self_attn.q_proj", attention, q, c_.hidden_size, c_.qkv_bias);
    Linear("k_proj", "self_attn.k_proj", attention, kv, c_.hidden_size, c_.qkv_bias);
    Linear("v_proj", "self_attn.v_proj", attention, kv, c_.hidden_size, c_.qkv_bias);
    Linear("o_proj", "self_attn.o_proj", attention, c_.hidden_size, q, c_.o_bias);
    if (c_.head_norms)
      for (const char* name : {"self_attn.q_norm", "self_attn.k_norm"})
        Vector(name, Component::kNorms, c_.head_dim, "q_norm, k_norm");
    if (c_.sinks) Vector("self_attn.sinks", attention, c_.num_attention_heads, "sinks");
  }
  void AddMlp() {
    const std::uint64_t inner = c_.intermediate_size, dim = c_.hidden_size;
    for (const char* name : {"mlp.gate_proj", "mlp.up_proj"})
      Linear("mlp.gate_up", name, Component::kFeedForward, inner, dim, c_.mlp_bias);
    Linear("mlp.down", "mlp.down_proj", Component::kFeedForward, dim, inner, c_.mlp_bias);
  }
  void AddRouter(const std::string& name) {
    list_.Add({.name = "gate",
               .component = Component::kRouter,
               .work = Work::kBf16Matrix,
               .module = {.name = prefix_ + name, .rows = c_.experts, .cols = c_.hidden_size}});
    if (c_.router_bias) Vector(name + ".bias", Component::kRouter, c_.experts, "biases");
  }
  void Experts(const char* group, const std::string& name, std::uint64_t rows, std::uint64_t cols,
               bool linear = true) {
    list_.Add({.name = group,
               .component = Component::kExperts,
               .work = linear ? std::optional<Work>() : Work::kNone,
               .module = {.name = prefix_ + name,
                          .rows = rows,
                          .cols = cols,
                          .count = c_.experts,
                          .linear = linear},
               .active = c_.experts_per_token,
               .of = c_.experts});
  }
  void AddExperts() {
    if (c_.fused_experts) return AddFusedExperts();
    const std::uint64_t inner = c_.expert_inner, dim = c_.hidden_size;
    const std::string experts = c_.experts_in + ".experts.0.";
    AddRouter(c_.experts_in + ".gate");
    const bool numbered = c_.experts_in != "mlp";  // Mixtral's w1, w3 and w2
    for (const char* name : numbered ? std::array{"w1", "w3"} : std::array{"gate_proj", "up_proj"})
      Experts("experts.gate_up", experts + name, inner, dim);
    Experts("experts.down", experts + (numbered ? "w2" : "down_proj"), dim, inner);
  }
  void AddFusedExperts() {
    const std::uint64_t inner = c_.expert_inner, dim = c_.hidden_size;
    AddRouter("mlp.router");
    Experts("experts.gate_up", "mlp.experts.gate_up_proj", 2 * inner, dim);
    Experts("experts.down", "mlp.experts.down_proj", dim, inner);
    if (!c_.expert_bias) return;
    Experts("experts.biases", "mlp.experts.gate_up_proj_bias", 1, 2 * inner, false);
    Experts("experts.biases", "mlp.experts.down_proj_bias", 1, dim, false);
  }

  const GqaConfig& c_;
  std::string prefix_;
  WeightList list_;
};

// Of the layers that keep everything, and of those with a window.
std::vector<KvGroup> KeysAndValues(const GqaConfig& c, std::uint64_t number_bytes) {
  const std::uint64_t bytes = 2 * c.num_key_value_heads * c.head_dim * number_bytes;
  const std::uint64_t macs = 2 * c.num_attention_heads * c.head_dim;
  std::vector<KvGroup> groups;
  for (const std::size_t window : c.windows) {
    std::size_t at = 0;
    while (at < groups.size() && groups[at].max_entries != window) ++at;
    if (at == groups.size()) {
      groups.push_back({.name = "keys and values",
                        .key = "keys_values",
                        .max_entries = window,
                        .macs_per_read = macs,
                        .prefill_macs_per_read = macs});
      groups.back().entry_bytes.fill(bytes);
    }
    ++groups[at].layers;
  }
  if (groups.size() > 1)
    for (KvGroup& group : groups)
      if (group.max_entries != 0) {
        group.name = "window keys and values";
        group.key = "window_keys_values";
      }
  return groups;
}

}  // namespace

CostModel DescribeGqa(const GqaConfig& c, const HeldBy& held) {
  // Entries are of the type of what is not quantised, as the embedding is.
  const arch::Module embedding{
      .name = "model.embed_tokens", .rows = c.vocab_size, .cols = c.hidden_size};
  const bool wide = held(embedding).number == arch::Number::kF32;
  return {.layers = c.num_hidden_layers,
          .hidden_size = c.hidden_size,
          .vocab_size = c.vocab_size,
          .max_context = c.max_position_embeddings,
          .experts = c.experts,
          .experts_per_token = c.experts_per_token,
          .weights = GqaWeights(c, held).List(),
          .kv = KeysAndValues(c, wide ? 4 : 2)};
}

}  // namespace hadal::cost
