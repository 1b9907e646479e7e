#include "arch/config.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "io/file.h"
#include "testing/shared_file.h"

namespace hadal::arch {
namespace {

// A small config with every key that the published files have.
constexpr const char* kSmall = R"({
  "architectures": ["DeepseekV4ForCausalLM"], "attention_bias": false, "bos_token_id": 0,
  "eos_token_id": 1, "expert_dtype": "fp4", "hc_eps": 1e-06, "hc_mult": 4,
  "hc_sinkhorn_iters": 20, "head_dim": 96, "hidden_act": "silu", "hidden_size": 128,
  "index_head_dim": 64, "index_n_heads": 4, "index_topk": 8, "max_position_embeddings": 1024,
  "model_type": "deepseek_v4", "moe_intermediate_size": 64, "n_routed_experts": 8,
  "n_shared_experts": 1, "norm_topk_prob": true, "num_attention_heads": 6,
  "num_experts_per_tok": 2, "num_hidden_layers": 4, "num_hash_layers": 1,
  "num_key_value_heads": 1, "num_nextn_predict_layers": 1, "o_groups": 2, "o_lora_rank": 64,
  "q_lora_rank": 96, "qk_rope_head_dim": 32, "rms_norm_eps": 1e-06,
  "quantization_config": {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8",
                          "scale_fmt": "ue8m0", "weight_block_size": [128, 128]},
  "rope_scaling": {"type": "yarn", "factor": 16, "beta_fast": 32, "beta_slow": 1,
                   "original_max_position_embeddings": 64},
  "rope_theta": 10000, "compress_rope_theta": 160000, "routed_scaling_factor": 1.5,
  "scoring_func": "sqrtsoftplus", "sliding_window": 16, "swiglu_limit": 10.0,
  "tie_word_embeddings": false, "topk_method": "noaux_tc", "vocab_size": 512,
  "compress_ratios": [0, 4, 128, 4, 0]
})";

Json Small() { return ParseJson(kSmall).value(); }

Json Parsed(const char* text) { return ParseJson(text).value(); }

void Remove(Json& json, std::string_view key) {
  std::erase_if(*json.AsObject(), [&](const Json::Member& member) { return member.first == key; });
}

std::string ErrorOf(const Json& json) {
  const Result<Config> config = ParseConfig(json);
  return config.ok() ? "" : config.error().what;
}

std::string ErrorWith(const char* key, const char* value) {
  Json json = Small();
  json.Set(key, Parsed(value));
  return ErrorOf(json);
}

// The same config as Hugging Face's class writes it.
Json HuggingFace() {
  Json json = Small();
  for (const char* key : {"compress_ratios", "num_hash_layers", "rope_scaling", "qk_rope_head_dim"})
    Remove(json, key);
  json.Set("partial_rotary_factor", 32.0 / 96.0);
  json.Set("layer_types", Parsed(R"(["sliding_attention", "compressed_sparse_attention",
      "heavily_compressed_attention", "compressed_sparse_attention"])"));
  json.Set("compress_rates", Parsed(R"({"compressed_sparse_attention": 4,
      "heavily_compressed_attention": 128})"));
  json.Set("mlp_layer_types", Parsed(R"(["hash_moe", "moe", "moe", "moe"])"));
  json.Set("rope_parameters", Parsed(R"({
      "main": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.333},
      "compress": {"rope_type": "yarn", "type": "yarn", "factor": 16, "beta_fast": 32,
                   "beta_slow": 1, "original_max_position_embeddings": 64,
                   "rope_theta": 160000.0, "attention_factor": 1.0}})"));
  return json;
}

std::string Written(const Json& json) {
  const Result<Config> config = ParseConfig(json);
  return config.ok() ? ConfigToJson(*config, false).Dump() : config.error().what;
}

TEST(Config, ReadsEveryField) {
  const Result<Config> read = ParseConfig(Small());
  ASSERT_TRUE(read.ok()) << read.error().what;
  const Config& c = *read;
  EXPECT_EQ(c.vocab_size, 512u);
  EXPECT_EQ(c.hidden_size, 128u);
  EXPECT_EQ(c.num_hidden_layers, 4u);
  EXPECT_EQ(c.num_attention_heads, 6u);
  EXPECT_EQ(c.head_dim, 96u);
  EXPECT_EQ(c.qk_rope_head_dim, 32u);
  EXPECT_EQ(c.nope_dim(), 64u);
  EXPECT_EQ(c.q_lora_rank, 96u);
  EXPECT_EQ(c.o_groups, 2u);
  EXPECT_EQ(c.o_lora_rank, 64u);
  EXPECT_EQ(c.sliding_window, 16u);
  EXPECT_EQ(c.index_n_heads, 4u);
  EXPECT_EQ(c.index_head_dim, 64u);
  EXPECT_EQ(c.index_topk, 8u);
  EXPECT_EQ(c.moe_intermediate_size, 64u);
  EXPECT_EQ(c.n_routed_experts, 8u);
  EXPECT_EQ(c.num_experts_per_tok, 2u);
  EXPECT_EQ(c.num_hash_layers, 1u);
  EXPECT_EQ(c.routed_scaling_factor, 1.5);
  EXPECT_EQ(c.swiglu_limit, 10.0);
  EXPECT_EQ(c.hc_sinkhorn_iters, 20u);
  EXPECT_EQ(c.hc_eps, 1e-6);
  EXPECT_EQ(c.rms_norm_eps, 1e-6);
  EXPECT_EQ(c.rope_theta, 10000);
  EXPECT_EQ(c.compress_rope_theta, 160000);
  EXPECT_EQ(c.rope_scaling.factor, 16);
  EXPECT_EQ(c.rope_scaling.beta_fast, 32);
  EXPECT_EQ(c.rope_scaling.beta_slow, 1);
  EXPECT_EQ(c.rope_scaling.original_max_position_embeddings, 64u);
  EXPECT_EQ(c.compress_ratios, (std::vector<std::size_t>{0, 4, 128, 4, 0}));
  EXPECT_EQ(c.num_nextn_predict_layers, 1u);
  EXPECT_EQ(c.max_position_embeddings, 1024u);
  EXPECT_EQ(c.bos_token_id, 0u);
  EXPECT_EQ(c.eos_token_id, (std::vector<std::size_t>{1}));
}

TEST(Config, SeveralTokensMayEndAText) {
  Json json = Small();
  const auto ends = [&](Json value) {
    json.Set("eos_token_id", std::move(value));
    const Config config = ParseConfig(json).value();
    const Json written = ConfigToJson(config, false);
    EXPECT_EQ(ParseConfig(written).value().eos_token_id, config.eos_token_id);
    return config.eos_token_id;
  };
  EXPECT_EQ(ends(7), (std::vector<std::size_t>{7}));
  EXPECT_EQ(ends(Json::Array{1, 310}), (std::vector<std::size_t>{1, 310}));
  EXPECT_EQ(ends(Json::Array{}), std::vector<std::size_t>());
  EXPECT_EQ(ends(nullptr), std::vector<std::size_t>());
}

TEST(Config, WritesWhatItReads) {
  for (const bool fp8_fp4 : {false, true}) {
    const Json written = ConfigToJson(ParseConfig(Small()).value(), fp8_fp4);
    EXPECT_EQ(written.Find("quantization_config") != nullptr, fp8_fp4);
    const Result<Config> again = ParseConfig(written);
    ASSERT_TRUE(again.ok()) << again.error().what;
    EXPECT_EQ(ConfigToJson(*again, fp8_fp4).Dump(), written.Dump());
    // Nothing that Small() says is lost.
    const Json small = Small();
    for (const auto& [key, value] : *written.AsObject()) {
      const Json* original = small.Find(key);
      if (original != nullptr && original->AsNumber()) {
        EXPECT_EQ(original->AsNumber(), value.AsNumber()) << key;
      }
    }
  }
}

TEST(Config, EveryFieldIsRequiredAndTyped) {
  for (const char* key : {"vocab_size",
                          "hidden_size",
                          "num_hidden_layers",
                          "num_attention_heads",
                          "head_dim",
                          "qk_rope_head_dim",
                          "q_lora_rank",
                          "o_groups",
                          "o_lora_rank",
                          "sliding_window",
                          "index_n_heads",
                          "index_head_dim",
                          "index_topk",
                          "moe_intermediate_size",
                          "n_routed_experts",
                          "num_experts_per_tok",
                          "num_hash_layers",
                          "routed_scaling_factor",
                          "swiglu_limit",
                          "hc_mult",
                          "hc_sinkhorn_iters",
                          "hc_eps",
                          "rms_norm_eps",
                          "rope_theta",
                          "compress_rope_theta",
                          "rope_scaling",
                          "compress_ratios",
                          "num_nextn_predict_layers",
                          "max_position_embeddings",
                          "model_type",
                          "scoring_func"}) {
    Json without = Small();
    Remove(without, key);
    EXPECT_NE(
        ErrorOf(without).find(std::string("config.json: ") + key + ": found nothing, expected"),
        std::string::npos)
        << key << ": " << ErrorOf(without);
    for (const char* wrong : {"\"7\"", "-1", "[]", "true", "1e300", "99999999999999999999"}) {
      const std::string error = ErrorWith(key, wrong);
      EXPECT_NE(error.find(std::string("config.json: ") + key), std::string::npos)
          << key << " = " << wrong << ": " << error;
      EXPECT_NE(error.find("expected"), std::string::npos) << error;
      EXPECT_EQ(error.find('\n'), std::string::npos) << error;
    }
  }
}

struct Wrong {
  const char *key, *value, *part;
};

TEST(Config, RefusesValuesOutOfRangeOrAtOdds) {
  const Wrong cases[] = {
      {"model_type", "\"deepseek_v3\"",
       "found \"deepseek_v3\", expected one of deepseek_v4, deepseek_v32"},
      {"vocab_size", "0", "found 0, expected an integer of 1 to"},
      {"vocab_size", "512.0", "found 512.0, expected an integer"},
      {"hidden_size", "65537", "expected an integer of 1 to 65536"},
      {"num_hidden_layers", "6", "one a layer: 6, not 5"},
      {"hc_mult", "2", "found 2, expected 4"},
      {"qk_rope_head_dim", "31", "even number below head_dim 96"},
      {"qk_rope_head_dim", "96", "even number below head_dim 96"},
      {"qk_rope_head_dim", "30", "a multiple of 64 more than qk_rope_head_dim 30"},
      {"o_groups", "4", "a divisor of num_attention_heads 6"},
      {"index_head_dim", "96", "a power of two"},
      {"index_head_dim", "16", "a power of two of 32 or more"},
      {"num_experts_per_tok", "9", "at most n_routed_experts 8"},
      {"num_hash_layers", "5", "expected an integer of 0 to 4"},
      {"scoring_func", "\"sigmoid\"",
       "expected \"sqrtsoftplus\", the only value hadal implements for this model_type"},
      {"norm_topk_prob", "false", "expected true"},
      {"hidden_act", "\"gelu\"", "expected \"silu\""},
      {"tie_word_embeddings", "true", "expected false"},
      {"num_key_value_heads", "2", "expected 1"},
      {"n_shared_experts", "2", "expected 1"},
      {"topk_method", "\"greedy\"", "expected \"noaux_tc\""},
      {"n_group", "8", "expected 1"},
      {"num_nextn_predict_layers", "3", "expected an integer of 0 to 1"},
      {"compress_ratios", "[0, 4, 128, 8, 0]", "only 0, 4 and 128"},
      {"compress_ratios", "[0, 4, 128, 4.0, 0]", "only 0, 4 and 128"},
      {"compress_ratios", "[0, 4, 128]", "one a layer: 4, not 3"},
      {"compress_ratios", "[0, 4, 128, 4, 4]", "0 for the MTP block"},
      {"swiglu_limit", "0", "a number of"},
      {"rope_theta", "0", "a number of 1 to"},
      {"bos_token_id", "512", "expected an integer of 0 to 511"},
      {"eos_token_id", "[1, 512]", "found [1,512], expected an integer of 0 to 511, or a list"},
      {"eos_token_id", "\"1\"", "expected an integer of 0 to 511, or a list"},
      {"quantization_config", R"({"quant_method": "gptq"})",
       "quantization_config: quant_method: found \"gptq\", expected \"fp8\""},
      {"quantization_config", R"({"weight_block_size": [32, 32]})", "weight_block_size"},
      {"quantization_config", "3", "quantization_config: found 3, expected an object"},
      {"rope_scaling", R"({"type": "linear"})", "rope_scaling: type: found \"linear\""},
      {"rope_scaling", R"({"type": "yarn"})", "rope_scaling: factor: found nothing"},
      {"rope_scaling", R"({"type": "yarn", "factor": 16, "beta_fast": 1, "beta_slow": 1,
        "original_max_position_embeddings": 64})",
       "less than beta_fast 1"},
      {"rope_scaling", R"({"type": "yarn", "factor": 16, "beta_fast": 32, "beta_slow": 1,
        "original_max_position_embeddings": 64, "mscale": 1.0})",
       "mscale"},
      {"rope_scaling", R"({"type": "yarn", "factor": 16, "beta_fast": 32, "beta_slow": 1,
        "original_max_position_embeddings": 64, "attention_factor": 1.2})",
       "attention_factor"},
  };
  for (const Wrong& wrong : cases) {
    const std::string error = ErrorWith(wrong.key, wrong.value);
    EXPECT_NE(error.find(wrong.part), std::string::npos)
        << wrong.key << " = " << wrong.value << ": '" << error << "'";
  }
}

TEST(Config, TakesWhatCannotChangeTheResult) {
  EXPECT_EQ(ErrorWith("something_new", "{}"), "");
  EXPECT_EQ(ErrorWith("bos_token_id", "null"), "");
  EXPECT_EQ(ErrorWith("rope_scaling", "null"), "");
  // Later releases give ratios for more blocks than there are.
  Json longer = Small();
  longer.Set("compress_ratios", Parsed("[0, 4, 128, 4, 0, 0, 0]"));
  EXPECT_EQ(ParseConfig(longer)->compress_ratios.size(), 5u);
  // Without an entry for the MTP block it attends to the window only, as every published one does.
  longer.Set("compress_ratios", Parsed("[0, 4, 128, 4]"));
  EXPECT_EQ(ParseConfig(longer)->compress_ratios, (std::vector<std::size_t>{0, 4, 128, 4, 0}));
}

TEST(Config, ReadsTheNamesOfHuggingFace) {
  EXPECT_EQ(Written(HuggingFace()), Written(Small()));
  Json both = Small();  // the published names, and beside them the others, in agreement
  const Json other = HuggingFace();
  for (const auto& [key, value] : *other.AsObject()) both.Set(key, value);
  EXPECT_EQ(Written(both), Written(Small()));
  // Flat rope_parameters are rope_scaling with rope_theta in it.
  Json flat = HuggingFace();
  flat.Set("rope_parameters", Parsed(R"({"rope_type": "yarn", "factor": 16, "beta_fast": 32,
      "beta_slow": 1, "original_max_position_embeddings": 64, "rope_theta": 10000.0})"));
  EXPECT_EQ(Written(flat), Written(Small()));
  // The thetas may stand in rope_parameters alone.
  Json nested = HuggingFace();
  Remove(nested, "rope_theta");
  Remove(nested, "compress_rope_theta");
  EXPECT_EQ(Written(nested), Written(Small()));
}

TEST(Config, RefusesNamesThatDisagree) {
  const Wrong cases[] = {
      {"layer_types", R"(["sliding_attention"])", "4 entries, not 1"},
      {"layer_types", R"(["full_attention"])", "entry 0: found \"full_attention\""},
      {"layer_types", R"([1])", "entry 0: found 1"},
      {"mlp_layer_types", R"(["moe", "hash_moe", "moe", "moe"])",
       "every hash_moe before every moe"},
      {"mlp_layer_types", R"(["hash_moe"])", "4 entries, not 1"},
      {"compress_rates", R"({"compressed_sparse_attention": 8})", "compress_rates"},
      {"compress_ratios", "[0, 0, 128, 4, 0]", "layer 1 has ratio 0"},
      {"num_hash_layers", "2", "expected 1, as mlp_layer_types has it"},
      {"qk_rope_head_dim", "64", "qk_rope_head_dim / head_dim"},
      {"partial_rotary_factor", "0.3", "whole number"},
      {"rope_theta", "20000", "10000, as config.json: rope_parameters: main says"},
      {"compress_rope_theta", "1000", "160000, as config.json: rope_parameters: compress says"},
      {"rope_parameters", "[]", "rope_parameters"},
      {"rope_scaling", R"({"type": "yarn", "factor": 8, "beta_fast": 32, "beta_slow": 1,
        "original_max_position_embeddings": 64})",
       "the same values as rope_parameters"},
  };
  for (const Wrong& wrong : cases) {
    Json json = HuggingFace();
    json.Set(wrong.key, Parsed(wrong.value));
    EXPECT_NE(ErrorOf(json).find(wrong.part), std::string::npos)
        << wrong.key << " = " << wrong.value << ": '" << ErrorOf(json) << "'";
  }
}

TEST(Config, ReadsThePublishedShapes) {
  Json flash = Small(), pro = Small();
  const auto set = [](Json& json, std::initializer_list<std::pair<const char*, int>> values) {
    for (const auto& [key, value] : values) json.Set(key, value);
  };
  set(flash, {{"vocab_size", 129280},
              {"hidden_size", 4096},
              {"num_hidden_layers", 43},
              {"num_attention_heads", 64},
              {"head_dim", 512},
              {"qk_rope_head_dim", 64},
              {"q_lora_rank", 1024},
              {"o_groups", 8},
              {"o_lora_rank", 1024},
              {"sliding_window", 128},
              {"index_n_heads", 64},
              {"index_head_dim", 128},
              {"index_topk", 512},
              {"moe_intermediate_size", 2048},
              {"n_routed_experts", 256},
              {"num_experts_per_tok", 6},
              {"num_hash_layers", 3},
              {"max_position_embeddings", 1048576}});
  Json::Array ratios = {0, 0};
  for (int i = 0; i < 20; ++i) ratios.insert(ratios.end(), {4, 128});
  ratios.insert(ratios.end(), {4, 0});
  flash.Set("compress_ratios", ratios);
  const Result<Config> flash_config = ParseConfig(flash);
  ASSERT_TRUE(flash_config.ok()) << flash_config.error().what;
  EXPECT_EQ(
      std::count(flash_config->compress_ratios.begin(), flash_config->compress_ratios.end(), 4u),
      21);

  set(pro, {{"vocab_size", 129280},
            {"hidden_size", 7168},
            {"num_hidden_layers", 61},
            {"num_attention_heads", 128},
            {"head_dim", 512},
            {"qk_rope_head_dim", 64},
            {"q_lora_rank", 1536},
            {"o_groups", 16},
            {"o_lora_rank", 1024},
            {"sliding_window", 128},
            {"index_n_heads", 64},
            {"index_head_dim", 128},
            {"index_topk", 1024},
            {"moe_intermediate_size", 3072},
            {"n_routed_experts", 384},
            {"num_experts_per_tok", 6},
            {"num_hash_layers", 3},
            {"max_position_embeddings", 1048576}});
  ratios = {128, 128};
  for (int i = 0; i < 29; ++i) ratios.insert(ratios.end(), {4, 128});
  ratios.insert(ratios.end(), {4, 0});
  pro.Set("compress_ratios", ratios);
  const Result<Config> pro_config = ParseConfig(pro);
  ASSERT_TRUE(pro_config.ok()) << pro_config.error().what;
  EXPECT_EQ(pro_config->compress_ratios.size(), 62u);
}

// Each folder of the conformance data, where that is present.
TEST(Config, ReadsTheGoldenCases) {
  const auto golden = testing::SharedFolder("golden");
  if (!golden) GTEST_SKIP() << "no shared/golden beside the sources";
  std::size_t read = 0;
  for (const auto& entry : std::filesystem::directory_iterator(*golden)) {
    if (!std::filesystem::exists(entry.path() / "config.json")) continue;
    const std::string text = io::ReadFile((entry.path() / "config.json").string()).value();
    const Result<Config> config = ParseConfig(ParseJson(text).value());
    ASSERT_TRUE(config.ok()) << entry.path() << config.error().what;
    EXPECT_EQ(config->compress_ratios.size(), config->num_hidden_layers + 1);
    ++read;
  }
  EXPECT_GE(read, 1u);
}

}  // namespace
}  // namespace hadal::arch
