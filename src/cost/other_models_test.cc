// Models beside DeepSeek-V4 and V3.2, from the fields of their config.json that matter here,
// against the figures that their makers published: parameters from papers, model cards and the
// headers of the released files, bytes from the index (metadata.total_size).
#include <gtest/gtest.h>

#include "cost/describe.h"

namespace hadal::cost {
namespace {

CostModel Model(const std::string& fields) {
  auto model = Describe(*ParseJson("{" + fields + "}"), "model");
  EXPECT_TRUE(model.ok()) << model.error().what;
  return model.ok() ? std::move(*model) : CostModel();
}

std::string Fp8Blocks(const std::string& more = "") {
  return R"(, "quantization_config": {"quant_method": "fp8", "activation_scheme": "dynamic",
      "fmt": "e4m3", "weight_block_size": [128, 128])" +
         more + "}";
}

double Billions(std::uint64_t n) { return static_cast<double>(n) / 1e9; }

// The attention that DeepSeek-V2, V3, Kimi-K2 and Moonlight share.
const std::string kLatent = R"("kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
    "v_head_dim": 128, "moe_layer_freq": 1, "tie_word_embeddings": false, "attention_bias": false)";

const std::string kKimi = R"("model_type": "kimi_k2", "vocab_size": 163840, "hidden_size": 7168,
    "num_hidden_layers": 61, "num_attention_heads": 64, "q_lora_rank": 1536,
    "intermediate_size": 18432, "moe_intermediate_size": 2048, "first_k_dense_replace": 1,
    "n_routed_experts": 384, "n_shared_experts": 1, "num_experts_per_tok": 8,
    "num_nextn_predict_layers": 0, "max_position_embeddings": 131072, )" +
                          kLatent;

// Model card: 1T parameters, 32B activated; the headers of the released files: 1,026.408B.
TEST(OtherModels, KimiK2) {
  const CostModel model = Model(kKimi + Fp8Blocks());
  EXPECT_EQ(ParametersOf(model).total, 1'026'408'232'448u);
  EXPECT_NEAR(Billions(ParametersOf(model).active_with_embedding), 32.5, 0.5);
  EXPECT_DOUBLE_EQ(KvBytesPerToken(model), 61 * 1152);
}

// Kimi-K2-Thinking: experts in packed INT4 with a scale of 16 bits a group of 32; model card: about
// 594 GB.
TEST(OtherModels, KimiK2Thinking) {
  const CostModel model = Model(kKimi + R"(, "quantization_config": {"config_groups": {"group_0": {
      "input_activations": null, "output_activations": null, "targets": ["Linear"], "weights": {
        "actorder": null, "block_structure": null, "dynamic": false, "group_size": 32,
        "num_bits": 4,
        "observer": "minmax", "observer_kwargs": {}, "strategy": "group", "symmetric": true,
        "type": "int"}}}, "format": "pack-quantized", "ignore": ["lm_head", "re:.*self_attn.*",
      "re:.*shared_experts.*", "re:.*mlp\\.(gate|up|gate_up|down)_proj.*"], "kv_cache_scheme": null,
      "quant_method": "compressed-tensors", "quantization_status": "compressed"})");
  EXPECT_EQ(ParametersOf(model).total, 1'026'408'232'448u);
  EXPECT_NEAR(Billions(WeightBytes(model)), 594, 1);
}

// Moonlight-16B-A3B: V3's architecture, queries without a bottleneck. Model card: 15.96B; paper:
// 2.24B active without embedding and head (the head: 0.336).
TEST(OtherModels, MoonlightWithoutABottleneckOfQueries) {
  const CostModel model = Model(R"("model_type": "deepseek_v3", "vocab_size": 163840,
      "hidden_size": 2048, "num_hidden_layers": 27, "num_attention_heads": 16, "q_lora_rank": null,
      "intermediate_size": 11264, "moe_intermediate_size": 1408, "first_k_dense_replace": 1,
      "n_routed_experts": 64, "n_shared_experts": 2, "num_experts_per_tok": 6,
      "num_nextn_predict_layers": 0, "max_position_embeddings": 8192, "dtype": "bfloat16", )" +
                                kLatent);
  EXPECT_NEAR(Billions(ParametersOf(model).total), 15.960, 0.0005);
  EXPECT_NEAR(Billions(ParametersOf(model).active) - 0.336, 2.24, 0.01);
}

// DeepSeek-V2-Lite and V2: 15.7B (2.4B active) and 236B (21B active).
TEST(OtherModels, DeepSeekV2) {
  const std::string common = R"("model_type": "deepseek_v2", "vocab_size": 102400,
      "first_k_dense_replace": 1, "n_shared_experts": 2, "num_experts_per_tok": 6,
      "max_position_embeddings": 163840, "torch_dtype": "bfloat16", )" +
                             kLatent;
  const CostModel lite = Model(common + R"(, "hidden_size": 2048, "num_hidden_layers": 27,
      "num_attention_heads": 16, "q_lora_rank": null, "intermediate_size": 10944,
      "moe_intermediate_size": 1408, "n_routed_experts": 64)");
  EXPECT_EQ(ParametersOf(lite).total, 15'706'484'224u);
  const CostModel v2 = Model(common + R"(, "hidden_size": 5120, "num_hidden_layers": 60,
      "num_attention_heads": 128, "q_lora_rank": 1536, "intermediate_size": 12288,
      "moe_intermediate_size": 1536, "n_routed_experts": 160)");
  EXPECT_EQ(ParametersOf(v2).total, 235'741'434'880u);
  EXPECT_NEAR(Billions(ParametersOf(v2).active), 21, 0.5);
}

// GLM-5 (arXiv:2602.15763): 744B, 40B active; V3.2's attention with heads of 192 + 64 and 256.
TEST(OtherModels, Glm5) {
  const CostModel model = Model(R"("model_type": "glm_moe_dsa", "vocab_size": 154880,
      "hidden_size": 6144, "num_hidden_layers": 78, "num_attention_heads": 64, "q_lora_rank": 2048,
      "kv_lora_rank": 512, "qk_nope_head_dim": 192, "qk_rope_head_dim": 64, "v_head_dim": 256,
      "intermediate_size": 12288, "moe_intermediate_size": 2048, "first_k_dense_replace": 3,
      "moe_layer_freq": 1, "n_routed_experts": 256, "n_shared_experts": 1,
      "num_experts_per_tok": 8, "num_nextn_predict_layers": 1, "max_position_embeddings": 202752,
      "index_n_heads": 32, "index_head_dim": 128, "index_topk": 2048, "tie_word_embeddings": false,
      "attention_bias": false, "dtype": "bfloat16")");
  EXPECT_NEAR(Billions(ParametersOf(model).total), 744, 0.5);
  EXPECT_EQ(ParametersOf(model).total + ParametersOf(model).mtp, 753'864'139'008u);  // the headers'
  EXPECT_NEAR(Billions(ParametersOf(model).active), 40, 1);
  EXPECT_DOUBLE_EQ(KvBytesPerToken(model), 78 * (656 + 132));
}

std::string GptOss(int layers, int experts) {
  std::string types = "\"sliding_attention\", \"full_attention\"";
  for (int pair = 1; pair < layers / 2; ++pair)
    types += ", \"sliding_attention\", \"full_attention\"";
  return fmt::format(R"("model_type": "gpt_oss", "vocab_size": 201088, "hidden_size": 2880,
      "num_hidden_layers": {}, "num_local_experts": {}, "layer_types": [{}],
      "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 64,
      "intermediate_size": 2880, "num_experts_per_tok": 4, "attention_bias": true,
      "sliding_window": 128, "max_position_embeddings": 131072, "tie_word_embeddings": false,
      "quantization_config": {{"modules_to_not_convert": ["model.layers.*.self_attn",
        "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"], "quant_method": "mxfp4"}})",
                     layers, experts, types);
}

// Model card (arXiv:2508.10925), table 1: 20.91B with 3.61B active, 116.83B with 5.13B, which count
// the unembedding among the active; the 20B's index gives its bytes.
TEST(OtherModels, GptOss) {
  const CostModel small = Model(GptOss(24, 32)), large = Model(GptOss(36, 128));
  EXPECT_EQ(WeightBytes(small), 13'761'264'768u);
  EXPECT_NEAR(Billions(ParametersOf(small).total), 20.91, 0.005);
  EXPECT_NEAR(Billions(ParametersOf(small).active), 3.61, 0.005);
  EXPECT_NEAR(Billions(ParametersOf(large).total), 116.83, 0.005);
  EXPECT_NEAR(Billions(ParametersOf(large).active), 5.13, 0.005);
  // Half of the layers keep 128 tokens; 8 heads of 64, keys and values, BF16.
  EXPECT_DOUBLE_EQ(KvBytesPerToken(small), 12 * 2048);
  EXPECT_EQ(KvFixedBytes(small), 12u * 2048 * 128);
  EXPECT_EQ(KvBytes(small, 1000), 12u * 2048 * (1000 + 128));
}

std::string Gemma2(int hidden, int layers, int heads, int kv_heads, int head_dim, int inner) {
  return fmt::format(R"("model_type": "gemma2", "vocab_size": 256000, "hidden_size": {},
      "num_hidden_layers": {}, "num_attention_heads": {}, "num_key_value_heads": {},
      "head_dim": {}, "intermediate_size": {}, "sliding_window": 4096, "attention_bias": false,
      "max_position_embeddings": 8192, "torch_dtype": "bfloat16")",
                     hidden, layers, heads, kv_heads, head_dim, inner);
}

// The headers of the released files.
TEST(OtherModels, Gemma) {
  EXPECT_EQ(ParametersOf(Model(Gemma2(2304, 26, 8, 4, 256, 9216))).total, 2'614'341'888u);
  EXPECT_EQ(ParametersOf(Model(Gemma2(4608, 46, 32, 16, 128, 36864))).total, 27'227'128'320u);
  const CostModel nine = Model(Gemma2(3584, 42, 16, 8, 256, 14336));
  EXPECT_EQ(ParametersOf(nine).total, 9'241'705'984u);
  EXPECT_DOUBLE_EQ(KvBytesPerToken(nine), 21 * 8192);  // every second layer keeps all tokens
  const CostModel first = Model(R"("model_type": "gemma", "vocab_size": 256000,
      "hidden_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 16,
      "num_key_value_heads": 16, "head_dim": 256, "intermediate_size": 24576,
      "attention_bias": false, "max_position_embeddings": 8192, "torch_dtype": "bfloat16")");
  EXPECT_EQ(ParametersOf(first).total, 8'537'680'896u);
  const CostModel third = Model(R"("model_type": "gemma3_text", "vocab_size": 262144,
      "hidden_size": 1152, "num_hidden_layers": 26, "num_attention_heads": 4,
      "num_key_value_heads": 1, "head_dim": 256, "intermediate_size": 6912, "sliding_window": 512,
      "sliding_window_pattern": 6, "attention_bias": false, "max_position_embeddings": 32768,
      "torch_dtype": "bfloat16")");
  EXPECT_EQ(ParametersOf(third).total, 999'885'952u);
  EXPECT_DOUBLE_EQ(KvBytesPerToken(third), 4 * 1024);  // every sixth
}

// What a multimodal Gemma holds beside its text model is not counted: refused.
TEST(OtherModels, OthersAreRefusedByName) {
  const auto model = Describe(*ParseJson(R"({"model_type": "gemma3", "text_config": {}})"), "x");
  ASSERT_FALSE(model.ok());
  EXPECT_NE(model.error().what.find("model_type: found \"gemma3\", expected one of deepseek_v4"),
            std::string::npos);
}

const std::string kQwen25 = R"("model_type": "qwen2", "vocab_size": 152064, "hidden_size": 3584,
    "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4,
    "intermediate_size": 18944, "use_sliding_window": false, "tie_word_embeddings": false,
    "max_position_embeddings": 32768, "torch_dtype": "float16")";

// Qwen2.5-7B: 7.61B, 6.53B without embeddings, of which the matrices are quantised. Each layer has
// biases of 4,608 and norms of 7,168 numbers besides.
TEST(OtherModels, QuantisedQwen25) {
  const std::uint64_t embeddings = 2ull * 152064 * 3584, vectors = 28 * (4608 + 7168) + 3584;
  const CostModel plain = Model(kQwen25);
  EXPECT_EQ(ParametersOf(plain).total, 7'615'616'512u);
  const std::uint64_t matrices = 7'615'616'512u - embeddings - vectors;
  const std::uint64_t codes = matrices / 2, groups = matrices / 128;
  const std::uint64_t packed = 2 * (embeddings + vectors) + codes + groups * 2 + groups / 2;
  const CostModel awq = Model(kQwen25 + R"(, "quantization_config": {"bits": 4, "group_size": 128,
      "modules_to_not_convert": null, "quant_method": "awq", "version": "gemm",
      "zero_point": true})");
  EXPECT_EQ(WeightBytes(awq), packed);
  EXPECT_EQ(ParametersOf(awq).total, 7'615'616'512u);
  // An int32 for each input of each matrix: six of 3,584 and one of 18,944 in a layer.
  const CostModel gptq = Model(kQwen25 + R"(, "quantization_config": {"bits": 4, "group_size": 128,
      "damp_percent": 0.01, "desc_act": false, "static_groups": false, "sym": true,
      "true_sequential": true, "quant_method": "gptq"})");
  EXPECT_EQ(WeightBytes(gptq), packed + 4 * 28 * (6 * 3584 + 18944));
}

// Qwen3-8B-FP8: 8,190,735,360 parameters, 6.95B of them in FP8 with a 16-bit scale a 128x128.
TEST(OtherModels, QuantisedQwen3) {
  const CostModel model = Model(R"("model_type": "qwen3", "vocab_size": 151936, "hidden_size": 4096,
      "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8,
      "head_dim": 128, "intermediate_size": 12288, "attention_bias": false,
      "use_sliding_window": false, "max_position_embeddings": 40960, "tie_word_embeddings": false,
      "torch_dtype": "bfloat16")" +
                                Fp8Blocks());
  EXPECT_EQ(ParametersOf(model).total, 8'190'735'360u);
  const std::uint64_t rest = 2ull * 151936 * 4096 + 36 * (2 * 4096 + 256) + 4096;
  const std::uint64_t fp8 = 8'190'735'360u - rest;
  EXPECT_EQ(WeightBytes(model), fp8 + fp8 / 16384 * 2 + 2 * rest);
}

// Routers are listed as not converted; experts are quantised with everything else.
TEST(OtherModels, QuantisedQwen3WithExperts) {
  std::string gates = "\"lm_head\"";
  for (int layer = 0; layer < 48; ++layer)
    gates += fmt::format(", \"model.layers.{}.mlp.gate\"", layer);
  const CostModel model = Model(R"("model_type": "qwen3_moe", "vocab_size": 151936,
      "hidden_size": 2048, "num_hidden_layers": 48, "num_attention_heads": 32,
      "num_key_value_heads": 4, "head_dim": 128, "moe_intermediate_size": 768, "num_experts": 128,
      "num_experts_per_tok": 8, "decoder_sparse_step": 1, "mlp_only_layers": [],
      "attention_bias": false, "use_sliding_window": false, "max_position_embeddings": 40960,
      "tie_word_embeddings": false, "torch_dtype": "bfloat16")" +
                                Fp8Blocks(R"(, "modules_to_not_convert": [)" + gates + "]"));
  EXPECT_EQ(ParametersOf(model).total, 30'532'122'624u);
  const std::uint64_t rest = 2ull * 151936 * 2048 + 48 * (2 * 2048 + 256 + 128 * 2048) + 2048;
  const std::uint64_t fp8 = 30'532'122'624u - rest;
  EXPECT_EQ(WeightBytes(model), fp8 + fp8 / 16384 * 2 + 2 * rest);
}

const std::string kLlama70 = R"("model_type": "llama", "vocab_size": 128256, "hidden_size": 8192,
    "num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8,
    "intermediate_size": 28672, "attention_bias": false, "mlp_bias": false,
    "max_position_embeddings": 131072, "tie_word_embeddings": false, "torch_dtype": "bfloat16")";

// Llama-3.1-70B-Instruct-FP8, its quantisation in a file of its own: 72.7 GB.
TEST(OtherModels, Llama70bWithASideFile) {
  const Json side = *ParseJson(R"({"producer": {"name": "modelopt", "version": "0.23.0"},
      "quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8",
                       "exclude_modules": ["lm_head"]}})");
  const auto model = Describe(*ParseJson("{" + kLlama70 + "}"), "llama", &side);
  ASSERT_TRUE(model.ok()) << model.error().what;
  EXPECT_NEAR(Billions(WeightBytes(*model)), 72.7, 0.05);
  EXPECT_EQ(ParametersOf(*model).total, 70'553'706'496u);
}

// V3.1 in NVFP4: the experts and dense layers quantised, attention in BF16.
TEST(OtherModels, DeepSeekV31InNvfp4) {
  const std::string v31 = R"("model_type": "deepseek_v3", "vocab_size": 129280, "hidden_size": 7168,
      "num_hidden_layers": 61, "num_attention_heads": 128, "q_lora_rank": 1536,
      "intermediate_size": 18432, "moe_intermediate_size": 2048, "first_k_dense_replace": 3,
      "n_routed_experts": 256, "n_shared_experts": 1, "num_experts_per_tok": 8,
      "num_nextn_predict_layers": 0, "max_position_embeddings": 163840, )" +
                          kLatent;
  const CostModel model = Model(v31 + R"(, "quantization_config": {"quant_method": "modelopt",
      "quant_algo": "NVFP4", "config_groups": {}, "producer": {"name": "modelopt"},
      "ignore": ["lm_head", "model.layers.*.self_attn*"]})");
  const std::uint64_t total = 671'026'419'200u;
  EXPECT_EQ(ParametersOf(model).total, total);
  const std::uint64_t mlp = 3ull * 7168 * (3 * 18432 + 58 * 257 * 2048);
  const std::uint64_t matrices = 3 * (3 + 58 * 257);  // each with two float32 scales
  // The router's biases are float32.
  EXPECT_EQ(WeightBytes(model),
            mlp / 2 + mlp / 16 + 8 * matrices + 2 * (total - mlp) + 2 * 58 * 256);
}

// Layers of one matrix in two formats are two groups, so that each is weighed as what it is.
TEST(OtherModels, MixedFormatsAreGroupsOfTheirOwn) {
  const CostModel model = Model(kLlama70 + R"(, "quantization_config": {"quant_method": "modelopt",
      "quant_algo": "MIXED_PRECISION", "quantized_layers": {
        "model.layers.0.mlp.down_proj": {"quant_algo": "FP8"},
        "model.layers.1.mlp.down_proj": {"quant_algo": "NVFP4", "group_size": 16}}})");
  std::string found;
  for (const WeightGroup& group : model.weights)
    if (group.name == "mlp.down")
      found += fmt::format("{} {} ", WorkKey(group.work), group.tensors);
  EXPECT_EQ(found, "fp8_matrix 1 fp4_experts 1 bf16_matrix 78 ");
}

}  // namespace
}  // namespace hadal::cost
