#include "arch/gqa_config.h"

#include <utility>

namespace hadal::arch {
namespace {

constexpr std::size_t kMaxDim = std::size_t{1} << 17, kMaxCount = 4096;
constexpr std::size_t kMaxVocab = std::size_t{1} << 24;

using Notes = std::vector<std::string>;

// Of a field that may be missing, by the architecture's own rule.
void NoteIfMissing(const Fields& fields, std::string_view key, const std::string& rule,
                   Notes* notes) {
  if (!fields.Has(key)) notes->push_back(fmt::format("{} is not given: {}", key, rule));
}

class Reader {
 public:
  Reader(Fields& fields, const std::string& type, Notes* notes)
      : fields_(fields), type_(type), notes_(notes) {}

  GqaConfig Read() {
    ReadSizes();
    ReadHeadDim();
    ReadExperts();
    ReadBiases();
    ReadNorms();
    ReadWindows();
    RefuseContradictions();
    if (fields_.ok() && c_.num_attention_heads % c_.num_key_value_heads != 0)
      fields_.Refuse(Code::kInvalid, "num_key_value_heads",
                     fmt::format("a divisor of num_attention_heads {}", c_.num_attention_heads));
    return std::move(c_);
  }

 private:
  bool Is(std::string_view type) const { return type_ == type; }
  bool gemma() const { return type_.starts_with("gemma"); }
  bool qwen3() const { return type_.starts_with("qwen3"); }

  void ReadSizes() {
    fields_.Size("vocab_size", 1, kMaxVocab, &c_.vocab_size);
    fields_.Size("hidden_size", 1, kMaxDim, &c_.hidden_size);
    fields_.Size("num_hidden_layers", 1, kMaxCount, &c_.num_hidden_layers);
    fields_.Size("num_attention_heads", 1, kMaxCount, &c_.num_attention_heads);
    fields_.Size("num_key_value_heads", 1, kMaxCount, &c_.num_key_value_heads);
    fields_.Size("max_position_embeddings", 1, kMaxVocab, &c_.max_position_embeddings);
    if (!Is("qwen3_moe")) fields_.Size("intermediate_size", 1, kMaxDim, &c_.intermediate_size);
    // Gemma's files leave it out: the head is the embedding.
    c_.tied = gemma();
    if (!gemma()) return fields_.Flag("tie_word_embeddings", &c_.tied);
    fields_.Only("tie_word_embeddings", true);
    NoteIfMissing(fields_, "tie_word_embeddings", "the head is the embedding", notes_);
  }

  void ReadHeadDim() {
    if (!fields_.ok()) return;
    // Heads wider than hidden_size / num_attention_heads: nothing to derive them from.
    if (fields_.Has("head_dim") || qwen3() || gemma() || Is("gpt_oss"))
      return fields_.Size("head_dim", 1, kMaxDim, &c_.head_dim);
    if (c_.hidden_size % c_.num_attention_heads != 0) {
      return fields_.Refuse(Code::kInvalid, "head_dim",
                            fmt::format("a number: hidden_size {} is no multiple of "
                                        "num_attention_heads {}",
                                        c_.hidden_size, c_.num_attention_heads));
    }
    c_.head_dim = c_.hidden_size / c_.num_attention_heads;
    notes_->push_back(
        fmt::format("head_dim is not given: hidden_size / num_attention_heads = {}", c_.head_dim));
  }

  void ReadExperts() {
    const bool gpt_oss = Is("gpt_oss"), qwen = Is("qwen3_moe");
    if (!Is("mixtral") && !gpt_oss && !qwen) return;
    fields_.Size(qwen ? "num_experts" : "num_local_experts", 1, kMaxCount, &c_.experts);
    fields_.Size("num_experts_per_tok", 1, kMaxCount, &c_.experts_per_token);
    if (fields_.ok() && c_.experts_per_token > c_.experts)
      fields_.Refuse(Code::kInvalid, "num_experts_per_tok", fmt::format("at most {}", c_.experts));
    c_.router_bias = c_.expert_bias = c_.fused_experts = gpt_oss;
    c_.expert_inner = c_.intermediate_size;
    c_.experts_in = Is("mixtral") ? "block_sparse_moe" : "mlp";
    if (!qwen) return;
    fields_.Size("moe_intermediate_size", 1, kMaxDim, &c_.expert_inner);
    fields_.Only("decoder_sparse_step", 1);
    fields_.Only("mlp_only_layers", Json::Array{});
    NoteIfMissing(fields_, "decoder_sparse_step", "experts in every layer", notes_);
    NoteIfMissing(fields_, "mlp_only_layers", "experts in every layer", notes_);
  }

  // Qwen2 always has them on queries, keys and values, gpt-oss everywhere, Mistral and Mixtral
  // never; the others say so.
  void ReadBiases() {
    if (!fields_.ok()) return;
    const bool llama = Is("llama");
    if (!llama) fields_.Only("mlp_bias", false);
    if (Is("qwen2") || Is("gpt_oss")) {
      c_.qkv_bias = true;
      c_.o_bias = Is("gpt_oss");
      return fields_.Only("attention_bias", true);
    }
    if (!llama && !qwen3() && !gemma()) return fields_.Only("attention_bias", false);
    if (fields_.Has("attention_bias")) fields_.Flag("attention_bias", &c_.qkv_bias);
    NoteIfMissing(fields_, "attention_bias", "none", notes_);
    c_.o_bias = c_.qkv_bias;
    if (!llama) return;
    if (fields_.Has("mlp_bias")) fields_.Flag("mlp_bias", &c_.mlp_bias);
    NoteIfMissing(fields_, "mlp_bias", "none", notes_);
  }

  void ReadNorms() {
    c_.sinks = Is("gpt_oss");
    c_.head_norms = qwen3() || Is("gemma3_text");
    c_.sandwich_norms = Is("gemma2") || Is("gemma3_text");
  }

  void ReadWindows() {
    if (!fields_.ok()) return;
    c_.windows.assign(c_.num_hidden_layers, 0);
    if (Is("gpt_oss") || Is("gemma2") || Is("gemma3_text")) return ReadAlternating();
    if (const Json* types = fields_.Find("layer_types"); types && types->AsArray() != nullptr)
      for (const Json& type : *types->AsArray())
        if (type.AsString() == nullptr || *type.AsString() != "full_attention")
          return fields_.Refuse(Code::kUnsupported, "layer_types", "full_attention in every layer");
    if (Is("qwen2") || qwen3()) {
      NoteIfMissing(fields_, "use_sliding_window", "every layer keeps all tokens", notes_);
      return fields_.Only("use_sliding_window", false);
    }
    fields_.Only("use_sliding_window", false);  // Qwen's switch
    if (Is("llama") || Is("gemma")) return fields_.Absent({"sliding_window"});
    // Mistral's own default is 4,096, Mixtral's none: a file without the field is not read as
    // either.
    if (fields_.ok() && fields_.Find("sliding_window") == nullptr)
      return fields_.Refuse(Code::kInvalid, "sliding_window",
                            "a number of tokens, or null for none");
    std::optional<std::size_t> window;
    fields_.OptionalSize("sliding_window", 1, kMaxVocab, &window);
    c_.windows.assign(c_.num_hidden_layers, window.value_or(0));
  }

  // Windows in some layers: named one by one, or every layer but each sliding_window_pattern-th.
  void ReadAlternating() {
    std::size_t window = 0;
    fields_.Size("sliding_window", 1, kMaxVocab, &window);
    if (!fields_.ok()) return;
    if (fields_.Has("layer_types")) return ReadLayerTypes(window);
    std::size_t pattern = Is("gemma3_text") ? 6 : 2;
    const char* const key = fields_.Has("_sliding_window_pattern") ? "_sliding_window_pattern"
                                                                   : "sliding_window_pattern";
    if (fields_.Has(key))
      fields_.Size(key, 1, kMaxCount, &pattern);
    else
      notes_->push_back(fmt::format("layer_types is not given: every {} layer keeps all tokens",
                                    pattern == 2 ? "second" : "sixth"));
    for (std::size_t layer = 0; layer < c_.num_hidden_layers; ++layer)
      if ((layer + 1) % pattern != 0) c_.windows[layer] = window;
  }
  void ReadLayerTypes(std::size_t window) {
    std::vector<std::size_t> kinds;
    fields_.Choices("layer_types", {"full_attention", "sliding_attention"}, &kinds);
    if (fields_.ok() && kinds.size() != c_.num_hidden_layers)
      fields_.Refuse(Code::kInvalid, "layer_types",
                     fmt::format("{} entries, not {}", c_.num_hidden_layers, kinds.size()));
    for (std::size_t layer = 0; fields_.ok() && layer < kinds.size(); ++layer)
      c_.windows[layer] = kinds[layer] == 1 ? window : 0;
  }

  // What a file cannot mean together with its model_type.
  void RefuseContradictions() {
    fields_.Absent({"kv_lora_rank", "compress_ratios", "index_topk", "n_routed_experts"});
    if (!Is("qwen3_moe")) fields_.Absent({"num_experts"});
    if (!Is("mixtral") && !Is("gpt_oss")) fields_.Absent({"num_local_experts"});
    // Layers that read another one's keys and values.
    fields_.Only("num_kv_shared_layers", 0);
  }

  Fields& fields_;
  const std::string& type_;
  Notes* const notes_;
  GqaConfig c_;
};

}  // namespace

GqaConfig ReadGqa(Fields& fields, const std::string& model_type, std::vector<std::string>* notes) {
  return Reader(fields, model_type, notes).Read();
}

}  // namespace hadal::arch
