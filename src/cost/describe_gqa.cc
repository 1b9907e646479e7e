// Plain transformers: attention with grouped queries (one KV head: MQA; as many as heads: MHA), a gated
// MLP or routed experts, RMSNorm, everything in one 16- or 32-bit type.
//
// Source: Hugging Face transformers, configuration_ and modeling_ of llama, mistral, mixtral, qwen2,
// qwen3, qwen3_moe (names, shapes, which of them have biases and head norms).
#include <utility>

#include "arch/config_fields.h"
#include "cost/describe.h"

namespace hadal::cost {
namespace {

constexpr std::size_t kMaxDim = std::size_t{1} << 17, kMaxCount = 4096;
constexpr std::size_t kMaxVocab = std::size_t{1} << 24;

enum class Family { kLlama, kMistral, kMixtral, kQwen2, kQwen3, kQwen3Moe };
const std::vector<std::string> kFamilies = {"llama", "mistral", "mixtral",
                                            "qwen2", "qwen3",   "qwen3_moe"};

struct GqaConfig {
  Family family = Family::kLlama;
  StoredFormat stored = StoredFormat::kBf16;
  std::size_t vocab_size = 0, hidden_size = 0, num_hidden_layers = 0, intermediate_size = 0;
  std::size_t num_attention_heads = 0, num_key_value_heads = 0, head_dim = 0;
  std::size_t experts = 0, experts_per_token = 0, expert_inner = 0;
  std::size_t max_position_embeddings = 0;
  std::optional<std::size_t> sliding_window;
  bool tied = false, qkv_bias = false, o_bias = false, mlp_bias = false;
  std::vector<std::string> notes;

  bool moe() const { return experts > 0; }
  bool qwen3() const { return family == Family::kQwen3 || family == Family::kQwen3Moe; }
};

// Of a field that may be missing, by the architecture's own rule.
void NoteIfMissing(const arch::Fields& fields, std::string_view key, const char* rule,
                   GqaConfig& c) {
  if (!fields.Has(key)) c.notes.push_back(fmt::format("{} is not given: {}", key, rule));
}

void ReadSizes(arch::Fields& fields, GqaConfig& c) {
  std::size_t family = 0, dtype = 0;
  fields.Choice("model_type", kFamilies, &family);
  c.family = static_cast<Family>(family);
  // Later releases of the library write "dtype".
  fields.Choice(fields.Has("dtype") ? "dtype" : "torch_dtype", {"bfloat16", "float16", "float32"},
                &dtype);
  c.stored = dtype == 2 ? StoredFormat::kF32 : StoredFormat::kBf16;
  fields.Size("vocab_size", 1, kMaxVocab, &c.vocab_size);
  fields.Size("hidden_size", 1, kMaxDim, &c.hidden_size);
  fields.Size("num_hidden_layers", 1, kMaxCount, &c.num_hidden_layers);
  fields.Size("num_attention_heads", 1, kMaxCount, &c.num_attention_heads);
  fields.Size("num_key_value_heads", 1, kMaxCount, &c.num_key_value_heads);
  fields.Size("max_position_embeddings", 1, kMaxVocab, &c.max_position_embeddings);
  fields.Flag("tie_word_embeddings", &c.tied);
  if (c.family != Family::kQwen3Moe)
    fields.Size("intermediate_size", 1, kMaxDim, &c.intermediate_size);
}

void ReadHeadDim(arch::Fields& fields, GqaConfig& c) {
  if (!fields.ok()) return;
  // Qwen3's heads are wider than hidden_size / num_attention_heads: nothing to derive them from.
  if (fields.Has("head_dim") || c.qwen3()) return fields.Size("head_dim", 1, kMaxDim, &c.head_dim);
  if (c.hidden_size % c.num_attention_heads != 0) {
    return fields.Refuse(Code::kInvalid, "head_dim",
                         fmt::format("a number: hidden_size {} is no multiple of "
                                     "num_attention_heads {}",
                                     c.hidden_size, c.num_attention_heads));
  }
  c.head_dim = c.hidden_size / c.num_attention_heads;
  c.notes.push_back(
      fmt::format("head_dim is not given: hidden_size / num_attention_heads = {}", c.head_dim));
}

void ReadExperts(arch::Fields& fields, GqaConfig& c) {
  if (c.family != Family::kMixtral && c.family != Family::kQwen3Moe) return;
  const bool mixtral = c.family == Family::kMixtral;
  fields.Size(mixtral ? "num_local_experts" : "num_experts", 1, kMaxCount, &c.experts);
  fields.Size("num_experts_per_tok", 1, kMaxCount, &c.experts_per_token);
  if (fields.ok() && c.experts_per_token > c.experts)
    fields.Refuse(Code::kInvalid, "num_experts_per_tok", fmt::format("at most {}", c.experts));
  if (mixtral) {
    c.expert_inner = c.intermediate_size;
    return;
  }
  fields.Size("moe_intermediate_size", 1, kMaxDim, &c.expert_inner);
  fields.Only("decoder_sparse_step", 1);
  fields.Only("mlp_only_layers", Json::Array{});
  NoteIfMissing(fields, "decoder_sparse_step", "experts in every layer", c);
  NoteIfMissing(fields, "mlp_only_layers", "experts in every layer", c);
}

// Biases: Qwen2 always has them on queries, keys and values, Mistral and Mixtral never; the others say
// so.
void ReadBiases(arch::Fields& fields, GqaConfig& c) {
  if (!fields.ok()) return;
  const bool llama = c.family == Family::kLlama;
  if (!llama) fields.Only("mlp_bias", false);
  if (c.family == Family::kQwen2) {
    c.qkv_bias = true;
    return fields.Only("attention_bias", true);
  }
  if (!llama && !c.qwen3()) return fields.Only("attention_bias", false);
  if (fields.Has("attention_bias")) fields.Flag("attention_bias", &c.qkv_bias);
  NoteIfMissing(fields, "attention_bias", "none", c);
  c.o_bias = c.qkv_bias;
  if (!llama) return;
  if (fields.Has("mlp_bias")) fields.Flag("mlp_bias", &c.mlp_bias);
  NoteIfMissing(fields, "mlp_bias", "none", c);
}

void ReadWindow(arch::Fields& fields, GqaConfig& c) {
  const bool qwen =
      c.family == Family::kQwen2 || c.family == Family::kQwen3 || c.family == Family::kQwen3Moe;
  if (const Json* types = fields.Find("layer_types"); types && types->AsArray() != nullptr)
    for (const Json& type : *types->AsArray())
      if (type.AsString() == nullptr || *type.AsString() != "full_attention")
        return fields.Refuse(Code::kUnsupported, "layer_types", "full_attention in every layer");
  if (qwen) {
    NoteIfMissing(fields, "use_sliding_window", "every layer keeps all tokens", c);
    return fields.Only("use_sliding_window", false);
  }
  fields.Only("use_sliding_window", false);  // Qwen's switch
  if (c.family == Family::kLlama) return RefuseOthers(fields, {"sliding_window"});
  // Mistral's own default is 4,096, Mixtral's none: a file without the field is not read as either.
  if (fields.ok() && fields.Find("sliding_window") == nullptr)
    return fields.Refuse(Code::kInvalid, "sliding_window", "a number of tokens, or null for none");
  fields.OptionalSize("sliding_window", 1, kMaxVocab, &c.sliding_window);
}

// What a file cannot mean together with its model_type.
void RefuseContradictions(arch::Fields& fields, const GqaConfig& c) {
  RefuseOthers(fields, {"kv_lora_rank", "compress_ratios", "index_topk", "n_routed_experts"});
  if (c.family != Family::kQwen3Moe) RefuseOthers(fields, {"num_experts"});
  if (c.family != Family::kMixtral) RefuseOthers(fields, {"num_local_experts"});
}

Result<GqaConfig> Read(const Json& json) {
  GqaConfig c;
  arch::Fields fields(json, "config.json");
  ReadSizes(fields, c);
  ReadHeadDim(fields, c);
  ReadExperts(fields, c);
  ReadBiases(fields, c);
  ReadWindow(fields, c);
  RefuseContradictions(fields, c);
  if (fields.ok() && c.num_attention_heads % c.num_key_value_heads != 0)
    fields.Refuse(Code::kInvalid, "num_key_value_heads",
                  fmt::format("a divisor of num_attention_heads {}", c.num_attention_heads));
  if (fields.Has("quantization_config"))
    fields.Refuse(Code::kUnsupported, "quantization_config",
                  "nothing: of this family hadal counts 16- and 32-bit weights");
  if (!fields.ok()) return fields.error();
  return c;
}

class GqaWeights {
 public:
  explicit GqaWeights(const GqaConfig& config) : c_(config) {}

  std::vector<WeightGroup> List() && {
    const std::uint64_t vocab = c_.vocab_size, dim = c_.hidden_size, layers = c_.num_hidden_layers;
    // A tied head is the embedding's own matrix, which then takes part as a whole.
    if (c_.tied)
      Add("embed_tokens (and head)", Component::kHead, Work::kBf16Matrix, vocab, dim, 1);
    else
      Add("embed_tokens", Component::kEmbedding, Work::kNone, vocab, dim, 1, 1, vocab);
    AddAttention();
    if (c_.moe())
      AddExperts();
    else
      AddMlp();
    Vector("input_layernorm", Component::kNorms, dim, layers);
    Vector("post_attention_layernorm", Component::kNorms, dim, layers);
    Vector("norm", Component::kNorms, dim, 1);
    if (!c_.tied) Add("lm_head", Component::kHead, Work::kBf16Matrix, vocab, dim, 1);
    return std::move(list_).Take();
  }

 private:
  void Add(const char* name, Component component, Work work, std::uint64_t rows, std::uint64_t cols,
           std::uint64_t count, std::uint64_t active = 1, std::uint64_t of = 1) {
    list_.Add({.name = name,
               .component = component,
               .work = work,
               .rows = rows,
               .cols = cols,
               .stored = c_.stored,
               .count = count,
               .active = active,
               .of = of,
               .for_logits = component == Component::kHead});
  }
  void Linear(const char* name, Component component, std::uint64_t rows, std::uint64_t cols,
              std::uint64_t count, bool bias = false) {
    Add(name, component, Work::kBf16Matrix, rows, cols, count);
    if (bias) Vector("biases", component, rows, count);
  }
  void Vector(const char* name, Component component, std::uint64_t size, std::uint64_t count) {
    Add(name, component, Work::kNone, 1, size, count);
  }
  void AddAttention() {
    const std::uint64_t layers = c_.num_hidden_layers, q = c_.num_attention_heads * c_.head_dim;
    const std::uint64_t kv = c_.num_key_value_heads * c_.head_dim;
    const Component attention = Component::kAttention;
    Linear("q_proj", attention, q, c_.hidden_size, layers, c_.qkv_bias);
    Linear("k_proj", attention, kv, c_.hidden_size, layers, c_.qkv_bias);
    Linear("v_proj", attention, kv, c_.hidden_size, layers, c_.qkv_bias);
    Linear("o_proj", attention, c_.hidden_size, q, layers, c_.o_bias);
    if (c_.qwen3()) Vector("q_norm, k_norm", Component::kNorms, 2 * c_.head_dim, layers);
  }
  void AddMlp() {
    const std::uint64_t layers = c_.num_hidden_layers, inner = c_.intermediate_size;
    Linear("mlp.gate_up", Component::kFeedForward, inner, c_.hidden_size, 2 * layers, c_.mlp_bias);
    Linear("mlp.down", Component::kFeedForward, c_.hidden_size, inner, layers, c_.mlp_bias);
  }
  void AddExperts() {
    const std::uint64_t tensors = c_.num_hidden_layers * c_.experts;
    Linear("gate", Component::kRouter, c_.experts, c_.hidden_size, c_.num_hidden_layers);
    Add("experts.gate_up", Component::kExperts, Work::kBf16Matrix, c_.expert_inner, c_.hidden_size,
        2 * tensors, c_.experts_per_token, c_.experts);
    Add("experts.down", Component::kExperts, Work::kBf16Matrix, c_.hidden_size, c_.expert_inner,
        tensors, c_.experts_per_token, c_.experts);
  }

  const GqaConfig& c_;
  WeightList list_;
};

KvGroup KeysAndValues(const GqaConfig& c) {
  const std::uint64_t number = c.stored == StoredFormat::kF32 ? 4 : 2;
  const std::uint64_t bytes = 2 * c.num_key_value_heads * c.head_dim * number;
  const std::uint64_t macs = 2 * c.num_attention_heads * c.head_dim;
  KvGroup group{.name = "keys and values",
                .key = "keys_values",
                .layers = c.num_hidden_layers,
                .max_entries = c.sliding_window.value_or(0),
                .macs_per_read = macs,
                .prefill_macs_per_read = macs};
  group.entry_bytes.fill(bytes);
  return group;
}

}  // namespace

Result<CostModel> DescribeGqa(const Json& json, std::string name) {
  HADAL_TRY(const GqaConfig c, Read(json));
  return CostModel{.name = std::move(name),
                   .architecture = kFamilies[static_cast<std::size_t>(c.family)],
                   .layers = c.num_hidden_layers,
                   .hidden_size = c.hidden_size,
                   .vocab_size = c.vocab_size,
                   .max_context = c.max_position_embeddings,
                   .experts = c.experts,
                   .experts_per_token = c.experts_per_token,
                   .weights = GqaWeights(c).List(),
                   .kv = {KeysAndValues(c)},
                   .notes = c.notes};
}

}  // namespace hadal::cost
