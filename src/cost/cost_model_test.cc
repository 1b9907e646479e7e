#include "cost/cost_model.h"

#include <gtest/gtest.h>

#include "cost/accounting.h"
#include "cost/describe.h"
#include "cost/presets.h"

namespace hadal::cost {
namespace {

TEST(KvGroup, CountsWithFloorsAndLimits) {
  const KvGroup group{.tokens_per_entry = 4, .max_entries = 10, .max_read = 3};
  EXPECT_EQ(group.Entries(0), 0u);
  EXPECT_EQ(group.Entries(3), 0u);
  EXPECT_EQ(group.Entries(4), 1u);
  EXPECT_EQ(group.Entries(43), 10u);
  EXPECT_EQ(group.Entries(44), 10u);
  EXPECT_EQ(group.Reads(11), 2u);
  EXPECT_EQ(group.Reads(1000), 3u);
}

TEST(KvGroup, SumOverAPrefillIsTheSumOfItsTokens) {
  const KvGroup groups[] = {{.tokens_per_entry = 1},
                            {.tokens_per_entry = 1, .max_entries = 128},
                            {.tokens_per_entry = 4, .max_read = 5},
                            {.tokens_per_entry = 4, .max_entries = 7, .max_read = 9},
                            {.tokens_per_entry = 128}};
  for (const KvGroup& group : groups) {
    for (const std::uint64_t first : {0u, 1u, 3u, 127u, 128u, 1000u}) {
      std::uint64_t sum = 0;
      for (std::uint64_t count = 0; count < 300; ++count) {
        EXPECT_EQ(group.ReadsOver(first, count), sum) << first << " " << count;
        sum += group.Reads(first + count + 1);
      }
    }
  }
}

TEST(CostModel, BreakdownsAddUp) {
  for (const Preset& preset : Presets()) {
    SCOPED_TRACE(preset.key);
    const CostModel model = DescribePreset(preset.key);
    std::uint64_t by_component = 0, bytes = 0, weights = 0;
    for (const std::uint64_t macs : DecodeMacsByComponent(model, 100'000)) by_component += macs;
    for (const std::uint64_t part : BytesReadByComponent(model, 100'000)) bytes += part;
    for (const std::uint64_t part : WeightBytesByComponent(model)) weights += part;
    EXPECT_EQ(by_component, TotalMacs(DecodeMacs(model, 100'000)));
    EXPECT_EQ(bytes, ActiveWeightBytes(model) + KvBytesRead(model, 100'000));
    EXPECT_EQ(weights, WeightBytes(model));
  }
}

TEST(CostModel, DistinctExperts) {
  const CostModel model = DescribePreset("v4-flash");
  EXPECT_DOUBLE_EQ(DistinctExperts(model, 0), 0);
  EXPECT_NEAR(DistinctExperts(model, 1), 6, 1e-9);
  EXPECT_NEAR(DistinctExperts(model, 2), 256 - 250 * 250 / 256.0, 1e-9);
  EXPECT_NEAR(DistinctExperts(model, 1e6), 256, 1e-9);
  EXPECT_EQ(DistinctExperts(DescribePreset("gqa8"), 8), 0);
}

TEST(CostModel, PrefillAsksForLogitsOnce) {
  const CostModel model = DescribePreset("embedded");
  std::uint64_t decode = 0, logits = 0;
  for (std::uint64_t n = 11; n <= 20; ++n) decode += TotalMacs(DecodeMacs(model, n));
  for (const WeightGroup& group : model.weights) logits += group.for_logits ? group.macs : 0;
  EXPECT_EQ(TotalMacs(PrefillMacs(model, 10, 10)), decode - 9 * logits);
}

// A prompt of 16M tokens is more multiply-adds than 64 bits count.
TEST(CostModel, PrefillFlopsOfAnyLength) {
  const FlopAccounting& accounting = **FindFlopAccounting("fp8-equivalent");
  for (const Preset& preset : Presets()) {
    const CostModel model = DescribePreset(preset.key);
    const double exact = Flops(PrefillMacs(model, 0, 1 << 20), accounting);
    EXPECT_NEAR(PrefillFlops(model, 0, 1 << 20, accounting), exact, 1e-12 * exact) << preset.key;
  }
  const double tokens = 1 << 30;
  EXPECT_NEAR(PrefillFlops(DescribePreset("gqa8"), 0, 1 << 30, accounting),
              2 * 2 * 2.0 * 61 * 56 * 128 * tokens * tokens / 2, 1e30 * 1e-4);
}

Json Parsed(std::string_view text) { return *ParseJson(text); }

// Llama 3 8B: 8,030,261,248 parameters; its 32 layers keep 8 KV heads of 128.
TEST(Describe, Llama) {
  const auto model =
      Describe(Parsed(R"({"model_type": "llama", "torch_dtype": "bfloat16", "vocab_size": 128256,
                 "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
                 "num_key_value_heads": 8, "intermediate_size": 14336, "attention_bias": false,
                 "mlp_bias": false,
                 "max_position_embeddings": 8192, "tie_word_embeddings": false})"),
               "llama");
  ASSERT_TRUE(model.ok()) << model.error().what;
  EXPECT_EQ(ParametersOf(*model).total, 8'030'261'248u);
  EXPECT_EQ(WeightBytes(*model), 16'060'522'496u);
  EXPECT_EQ(KvBytes(*model, 1000), 1000u * 32 * 4096);
  EXPECT_EQ(model->notes.size(), 1u);  // head_dim
}

// Qwen3 0.6B: tied embeddings, norms on query and key heads, heads wider than hidden / heads.
TEST(Describe, QwenWithATiedHead) {
  const auto model =
      Describe(Parsed(R"({"model_type": "qwen3", "torch_dtype": "bfloat16", "vocab_size": 151936,
                 "hidden_size": 1024, "num_hidden_layers": 28, "num_attention_heads": 16,
                 "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 3072,
                 "attention_bias": false, "use_sliding_window": false,
                 "max_position_embeddings": 40960, "tie_word_embeddings": true})"),
               "qwen");
  ASSERT_TRUE(model.ok()) << model.error().what;
  EXPECT_EQ(ParametersOf(*model).total, 596'049'920u);
}

// Qwen3 30B-A3B: 30.5B, 3.3B active.
TEST(Describe, QwenWithExperts) {
  const auto model = Describe(
      Parsed(R"({"model_type": "qwen3_moe", "torch_dtype": "bfloat16", "vocab_size": 151936,
                 "hidden_size": 2048, "num_hidden_layers": 48, "num_attention_heads": 32,
                 "num_key_value_heads": 4, "head_dim": 128, "moe_intermediate_size": 768,
                 "num_experts": 128, "num_experts_per_tok": 8, "decoder_sparse_step": 1,
                 "mlp_only_layers": [], "attention_bias": false, "use_sliding_window": false,
                 "max_position_embeddings": 40960, "tie_word_embeddings": false})"),
      "qwen");
  ASSERT_TRUE(model.ok()) << model.error().what;
  EXPECT_EQ(ParametersOf(*model).total, 30'532'122'624u);
  EXPECT_NEAR(static_cast<double>(ParametersOf(*model).active_with_embedding), 3.35e9, 0.01e9);
}

TEST(Describe, SlidingWindowOfMistral) {
  const auto model =
      Describe(Parsed(R"({"model_type": "mistral", "torch_dtype": "bfloat16", "vocab_size": 32000,
                 "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
                 "num_key_value_heads": 8, "intermediate_size": 14336, "sliding_window": 4096,
                 "max_position_embeddings": 32768, "tie_word_embeddings": false})"),
               "mistral");
  ASSERT_TRUE(model.ok()) << model.error().what;
  EXPECT_EQ(ParametersOf(*model).total, 7'241'732'096u);
  EXPECT_EQ(KvBytes(*model, 100'000), 4096u * 32 * 4096);
}

// What may be missing is said.
TEST(Describe, NotesNameTheFieldsThatAreNotGiven) {
  const auto notes = [](const char* json) {
    const auto model = Describe(*ParseJson(json), "x");
    HADAL_CHECK(model.ok());
    std::string all;
    for (const std::string& note : model->notes) all += note.substr(0, note.find(' ')) + " ";
    return all;
  };
  EXPECT_EQ(notes(R"({"model_type": "qwen3_moe", "torch_dtype": "bfloat16", "vocab_size": 10,
      "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
      "head_dim": 8, "num_experts": 4, "num_experts_per_tok": 1, "moe_intermediate_size": 2,
      "max_position_embeddings": 10, "tie_word_embeddings": true})"),
            "decoder_sparse_step mlp_only_layers attention_bias use_sliding_window ");
  std::string v32 = FindPreset("v3.2")->config().Dump();
  for (const std::string part : {"\"moe_layer_freq\":1,", "\"attention_bias\":false,"})
    v32.erase(v32.find(part), part.size());
  EXPECT_EQ(notes(v32.c_str()), "moe_layer_freq attention_bias num_nextn_predict_layers ");
}

// Later releases of the library write "dtype".
TEST(Describe, DtypeIsTheOtherSpellingOfTorchDtype) {
  const auto spelled = [](std::string config, const char* type) {
    config.erase(config.find(",\"expert_dtype\""),
                 config.find(",\"quantization_config\"") - config.find(",\"expert_dtype\""));
    config.erase(config.find(",\"quantization_config\""));
    const std::size_t at = config.find("torch_dtype");
    config.replace(at, std::string("torch_dtype").size(), type);
    return WeightBytes(*Describe(*ParseJson(config + "}"), "x"));
  };
  const std::string v4 = FindPreset("embedded")->config().Dump();
  EXPECT_EQ(spelled(v4, "dtype"), spelled(v4, "torch_dtype"));
  std::string v32 = FindPreset("v3.2")->config().Dump();
  v32.erase(v32.find(",\"quantization_config\""));
  const std::string own = "\"torch_dtype\":\"bfloat16\",";
  v32.erase(v32.find(own), own.size());
  EXPECT_EQ(WeightBytes(*Describe(*ParseJson(v32 + R"(, "dtype": "bfloat16"})"), "x")),
            WeightBytes(*Describe(*ParseJson(v32 + R"(, "torch_dtype": "bfloat16"})"), "x")));
}

struct BadConfig {
  const char* json;
  const char* says;
};

TEST(Describe, ErrorsNameTheField) {
  const std::string v32 = FindPreset("v3.2")->config().Dump();
  const auto without = [](std::string text, const std::string& part, const std::string& with) {
    return text.replace(text.find(part), part.size(), with);
  };
  const std::string negative = without(v32, "\"kv_lora_rank\":512", "\"kv_lora_rank\":-1");
  const std::string missing = without(v32, "\"index_topk\":2048,", "");
  const std::string dense =
      without(v32, "\"first_k_dense_replace\":3", "\"first_k_dense_replace\":62");
  const std::string scheme = without(v32, "\"quant_method\":\"fp8\"", "\"quant_method\":\"hqq\"");
  const std::string blocks = without(v32, ",\"weight_block_size\":[128,128]", "");
  const std::string sparse = without(v32, "deepseek_v32", "deepseek_v3");
  const std::string window = R"({"model_type": "llama", "torch_dtype": "bfloat16",
      "vocab_size": 10, "hidden_size": 8, "num_hidden_layers": 4096, "num_attention_heads": 4096,
      "num_key_value_heads": 1, "head_dim": 256, "intermediate_size": 2,
      "max_position_embeddings": 10, "tie_word_embeddings": true, "sliding_window": 4096})";
  const std::string large = without(window, "\"sliding_window\": 4096", "\"x\": null");
  const std::string mixed = without(window, "\"sliding_window\"", "\"num_local_experts\"");
  const std::string embedded = FindPreset("embedded")->config().Dump();
  const std::string plain = without(embedded, "\"quantization_config\"", "\"other\"");
  const BadConfig cases[] = {
      {plain.c_str(), "expert_dtype: found \"fp4\", expected none where there is no quantization"},
      {blocks.c_str(), "weight_block_size: found nothing, expected [128,128]"},
      {sparse.c_str(), "index_topk: found 2048, expected nothing: this model_type has no such"},
      {window.c_str(), "sliding_window: found 4096, expected nothing: this model_type has no such"},
      {mixed.c_str(), "num_local_experts: found 4096, expected nothing"},
      {large.c_str(), "num_hidden_layers: found 4096 with 2097152 multiply-adds and 1024 bytes"},
      {R"({"model_type": "qwen3", "torch_dtype": "float16", "vocab_size": 10, "hidden_size": 8,
           "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
           "max_position_embeddings": 10, "tie_word_embeddings": true, "intermediate_size": 2})",
       "head_dim: found nothing, expected an integer"},
      {R"({"model_type": "qwen2", "torch_dtype": "float16", "vocab_size": 10, "hidden_size": 8,
           "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
           "max_position_embeddings": 10, "tie_word_embeddings": true, "intermediate_size": 2,
           "attention_bias": false})",
       "attention_bias: found false, expected true"},
      {"[]", "config.json: found [], expected an object"},
      {"{}", "model_type: found nothing, expected one of deepseek_v4, deepseek_v2, "},
      {R"({"model_type": "gpt2"})", "model_type: found \"gpt2\", expected one of"},
      {R"({"model_type": 4})", "model_type: found 4, expected one of"},
      {negative.c_str(), "kv_lora_rank: found -1, expected"},
      {missing.c_str(), "index_topk: found nothing, expected"},
      {dense.c_str(), "first_k_dense_replace: found 62, expected at most num_hidden_layers 61"},
      {scheme.c_str(),
       "quantization_config: quant_method: found \"hqq\", expected one of fp8, awq"},
      {R"({"model_type": "llama", "torch_dtype": "int8", "vocab_size": 10, "hidden_size": 8,
           "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
           "max_position_embeddings": 10, "tie_word_embeddings": true, "intermediate_size": 2})",
       "torch_dtype: found \"int8\", expected one of bfloat16, float16, float32"},
      {R"({"model_type": "qwen2", "torch_dtype": "float16", "vocab_size": 10, "hidden_size": 8,
           "num_hidden_layers": 1, "num_attention_heads": 3, "num_key_value_heads": 1,
           "max_position_embeddings": 10, "tie_word_embeddings": true, "intermediate_size": 2})",
       "head_dim: found nothing, expected a number"},
      {R"({"model_type": "mistral", "torch_dtype": "float16", "vocab_size": 10, "hidden_size": 8,
           "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
           "max_position_embeddings": 10, "tie_word_embeddings": true, "intermediate_size": 2})",
       "sliding_window: found nothing, expected a number of tokens, or null"},
      {R"({"model_type": "qwen3", "torch_dtype": "float16", "vocab_size": 10, "hidden_size": 8,
           "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
           "head_dim": 4,
           "max_position_embeddings": 10, "tie_word_embeddings": true, "intermediate_size": 2,
           "layer_types": ["full_attention", "sliding_attention"]})",
       "layer_types: found "},
  };
  for (const BadConfig& c : cases) {
    const auto model = Describe(Parsed(c.json), "x");
    ASSERT_FALSE(model.ok()) << c.json;
    EXPECT_NE(model.error().what.find(c.says), std::string::npos) << model.error().what;
    EXPECT_EQ(model.error().what.find('\n'), std::string::npos);
  }
}

TEST(Accounting, UnknownNamesAreRefusedWithTheKnownOnes) {
  const auto flops = FindFlopAccounting("exact");
  ASSERT_FALSE(flops.ok());
  EXPECT_NE(flops.error().what.find("--flops: found 'exact', expected one of raw, attention"),
            std::string::npos);
  const auto kv = FindKvFormat("fp16");
  ASSERT_FALSE(kv.ok());
  EXPECT_NE(kv.error().what.find("--kv: found 'fp16', expected one of published"),
            std::string::npos);
}

}  // namespace
}  // namespace hadal::cost
