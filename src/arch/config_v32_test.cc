// config.json of DeepSeek-V3.2: what it must say, and what follows from it.
#include <gtest/gtest.h>

#include "arch/config.h"
#include "arch/inventory.h"
#include "arch/kv_layout.h"
#include "arch/shapes.h"

namespace hadal::arch {
namespace {

Json Published() { return ConfigToJson(V32Shape(), true); }

std::string Complaint(const char* key, Json value) {
  Json json = Published();
  json.Set(key, std::move(value));
  const Result<Config> config = ParseConfig(json);
  return config.ok() ? "" : config.error().what;
}

TEST(ConfigV32, ComesBackUnchanged) {
  const Result<Config> config = ParseConfig(Published());
  ASSERT_TRUE(config.ok()) << config.error().what;
  EXPECT_EQ(ConfigToJson(*config, true).Dump(), Published().Dump());
  EXPECT_EQ(config->head_dim, 576u);
  EXPECT_EQ(config->stream_dim(), 7168u);
  EXPECT_EQ(config->scale_rule, ScaleRule::kPowerOfTwo);
}

Json Without(Json json, const std::string& key) {
  std::erase_if(*json.AsObject(), [&](const auto& member) { return member.first == key; });
  return json;
}

// By scale_fmt alone, which weights that are not quantised have in the config itself.
TEST(ConfigV32, TheRuleOfScalesStaysWithTheModel) {
  const auto rule = [](const Json& json) { return ParseConfig(json).value().scale_rule; };
  Json exact = Published();
  exact.Set("quantization_config", Without(*exact.Find("quantization_config"), "scale_fmt"));
  EXPECT_EQ(rule(exact), ScaleRule::kExact);
  EXPECT_EQ(rule(Without(exact, "quantization_config")), ScaleRule::kExact);
  for (const Json& json : {Published(), exact}) {
    const Config config = ParseConfig(json).value();
    for (const bool quantised : {true, false})
      EXPECT_EQ(rule(ConfigToJson(config, quantised)), config.scale_rule) << quantised;
  }
  Json named = exact, entry = *exact.Find("quantization_config");
  entry.Set("scale_fmt", "float");
  named.Set("quantization_config", entry);
  named.Set("scale_fmt", "float");
  EXPECT_EQ(rule(named), ScaleRule::kExact);
  exact.Set("scale_fmt", "ue8m0");
  EXPECT_EQ(
      ParseConfig(exact).error().what,
      "config.json: quantization_config: scale_fmt: found nothing, expected \"ue8m0\", as the "
      "config's own scale_fmt says");
  EXPECT_NE(Complaint("scale_fmt", "e5m10").find("scale_fmt: found \"e5m10\""), std::string::npos);
}

// Later versions of Hugging Face's class write theta and scaling as one object.
TEST(ConfigV32, ReadsEitherWayOfWritingRotations) {
  const Json published = Published();
  const Config want = ParseConfig(published).value();
  Json parameters = *published.Find("rope_scaling");
  parameters.Set("rope_type", "yarn");
  parameters.Set("rope_theta", 5000);
  Json json = Without(Without(published, "rope_scaling"), "rope_theta");
  json.Set("rope_parameters", parameters);
  const Config got = ParseConfig(json).value();
  EXPECT_EQ(got.rope_theta, 5000);
  EXPECT_EQ(got.rope_scaling.factor, want.rope_scaling.factor);
  EXPECT_EQ(got.rope_scaling.mscale_all_dim, want.rope_scaling.mscale_all_dim);
  json.Set("rope_parameters", Json::MakeObject({{"rope_type", "default"}, {"rope_theta", 10000}}));
  EXPECT_EQ(ParseConfig(json).value().rope_scaling.factor, 1);
  // Missing is null.
  EXPECT_EQ(ParseConfig(Without(published, "rope_scaling")).value().rope_scaling.factor, 1);
  // Both ways, if they agree.
  parameters.Set("rope_theta", 10000);
  EXPECT_EQ(Complaint("rope_parameters", parameters), "");
  parameters.Set("rope_theta", 5000);
  EXPECT_NE(Complaint("rope_parameters", parameters)
                .find("expected 5000, as config.json: rope_parameters says"),
            std::string::npos);
  parameters.Set("rope_theta", 10000);
  parameters.Set("factor", 39);
  EXPECT_NE(Complaint("rope_parameters", parameters).find("rope_scaling: found"),
            std::string::npos);
  EXPECT_NE(Complaint("rope_interleave", false).find("rope_interleave: found false"),
            std::string::npos);
  EXPECT_NE(Complaint("indexer_rope_interleave", true).find("indexer_rope_interleave: found true"),
            std::string::npos);
}

TEST(ConfigV32, RefusesByName) {
  const std::pair<const char*, Json> wrong[] = {{"scoring_func", "softmax"},
                                                {"topk_method", "greedy"},
                                                {"norm_topk_prob", false},
                                                {"n_group", 7},
                                                {"topk_group", 9},
                                                {"num_experts_per_tok", 129},
                                                {"index_head_dim", 96},
                                                {"qk_rope_head_dim", 63},
                                                {"first_k_dense_replace", 62},
                                                {"num_nextn_predict_layers", 2},
                                                {"n_shared_experts", 0},
                                                {"kv_lora_rank", 0},
                                                {"moe_layer_freq", 2},
                                                {"compress_ratios", Json::Array{}},
                                                {"index_topk", -1}};
  for (const auto& [key, value] : wrong)
    EXPECT_NE(Complaint(key, value).find(std::string("config.json: ") + key), std::string::npos)
        << key << ": " << Complaint(key, value);
  Json mscale = *Published().Find("rope_scaling");
  mscale.Set("mscale", 0.7);
  EXPECT_EQ(Complaint("rope_scaling", mscale),
            "config.json: rope_scaling: mscale: found 0.7, expected mscale_all_dim 1");
}

// The release's totals, without the MTP block's copies of embedding and head.
TEST(ConfigV32, ListsThePublishedTensors) {
  const std::vector<TensorSpec> specs = TensorsOf(V32Shape());
  std::uint64_t tensors = 0, elements = 0, bytes = 0;
  for (const TensorSpec& spec : specs) {
    const bool matrix = spec.shape.size() == 2;
    const std::uint64_t rows = matrix ? spec.shape[0] : 1, cols = spec.shape.back();
    tensors += LayoutOf(spec.format).scaled() ? 2 : 1;
    bytes += StoredBytes(spec.format, rows, cols);
    elements += spec.elements() + ScaleBytes(spec.format, rows, cols) / 4;
  }
  const std::uint64_t copies = 2 * std::uint64_t{129280} * 7168;
  EXPECT_EQ(tensors + 2, 92'425u);
  EXPECT_EQ(elements + copies, 685'396'921'376u);
  EXPECT_EQ(bytes + 2 * copies, 689'471'107'200u);
}

TEST(ConfigV32, NamesAreReadBack) {
  Config config = ChangeShape(V32Shape(), {.layers = 4, .experts = 16, .mtp = true}).value();
  EXPECT_EQ(config.first_k_dense_replace, 1u);
  for (const TensorSpec& spec : TensorsOf(config)) {
    const Recognised found = Recognise(spec.name, config);
    EXPECT_EQ(found.kind, Recognised::Kind::kTensor) << spec.name;
    EXPECT_EQ(found.id, spec.id) << spec.name;
    if (KindOf(spec.id.role) != TensorKind::kMatrix) continue;
    EXPECT_EQ(Recognise(ScaleName(spec.id), config).kind, Recognised::Kind::kScale) << spec.name;
    EXPECT_EQ(Recognise(ScaleName(spec.id), config).id, spec.id) << spec.name;
  }
  EXPECT_EQ(Recognise("model.layers.4.embed_tokens.weight").kind, Recognised::Kind::kSharedCopy);
  EXPECT_EQ(Recognise("model.layers.0.self_attn.q_proj.weight").kind, Recognised::Kind::kUnknown);
}

TEST(ConfigV32, ATokenKeepsTheReleasesBytes) {
  const KvLayout layout(V32Shape(), Numerics::Stored());
  EXPECT_EQ(layout.entry_bytes, 656u);
  EXPECT_EQ(layout.index_key_bytes, 132u);
  EXPECT_EQ(layout.page_bytes, 128u * 48'856);
  EXPECT_EQ(layout.fixed_bytes, 0u);
  EXPECT_FALSE(layout.forgets());
}

}  // namespace
}  // namespace hadal::arch
