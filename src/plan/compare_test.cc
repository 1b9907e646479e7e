#include "plan/compare.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "io/file.h"
#include "plan/show.h"
#include "testing/temp_folder.h"

namespace hadal::plan {
namespace {

Accounting Default() { return *MakeAccounting("published", "fp8-equivalent", false); }

std::uint64_t Integer(const Json& json, const char* key) {
  return static_cast<std::uint64_t>(*json.Find(key)->AsInt());
}

// A second reader of the JSON, as a page of JavaScript would be: the formulas of docs/plan.md
// alone.
struct Twin {
  const Json& model;

  static std::uint64_t Limit(std::uint64_t value, std::uint64_t limit) {
    return limit == 0 ? value : std::min(value, limit);
  }
  static std::uint64_t Entries(const Json& kv, std::uint64_t n) {
    return Limit(n / Integer(kv, "tokens_per_entry"), Integer(kv, "max_entries"));
  }
  static std::uint64_t Reads(const Json& kv, std::uint64_t n) {
    return Limit(Entries(kv, n), Integer(kv, "max_read"));
  }
  static bool Mtp(const Json& group) { return *group.Find("component")->AsString() == "mtp"; }

  std::uint64_t KvBytes(std::uint64_t n, const char* format) const {
    std::uint64_t bytes = 0;
    for (const Json& kv : *model.Find("kv")->AsArray())
      if (!Mtp(kv))
        bytes += Integer(kv, "layers") * Integer(*kv.Find("entry_bytes"), format) * Entries(kv, n);
    return bytes;
  }
  std::uint64_t ReadBytes(std::uint64_t n, const char* format) const {
    std::uint64_t bytes = 0;
    for (const Json& group : *model.Find("weights")->AsArray())
      if (!Mtp(group)) bytes += Integer(group, "active_bytes");
    for (const Json& kv : *model.Find("kv")->AsArray())
      if (!Mtp(kv))
        bytes += Integer(kv, "layers") * Integer(*kv.Find("entry_bytes"), format) * Reads(kv, n);
    return bytes;
  }
  double Flops(std::uint64_t n, const Json& weights) const {
    double flops = 0;
    const auto weight = [&](const Json& group) {
      return *weights.Find(*group.Find("work")->AsString())->AsNumber();
    };
    for (const Json& group : *model.Find("weights")->AsArray())
      if (!Mtp(group)) flops += 2 * weight(group) * static_cast<double>(Integer(group, "macs"));
    for (const Json& kv : *model.Find("kv")->AsArray())
      if (!Mtp(kv))
        flops += 2 * weight(kv) *
                 static_cast<double>(Integer(kv, "layers") * Integer(kv, "macs_per_read") *
                                     Reads(kv, n));
    return flops;
  }
  std::uint64_t StateBytes(std::uint64_t n) const {
    const Json& state = *model.Find("state");
    const std::uint64_t page = Integer(state, "page_tokens");
    return Integer(state, "fixed_bytes") + (n + page - 1) / page * Integer(state, "page_bytes");
  }
};

TEST(Compare, TheJsonSufficesToComputeItsOwnPoints) {
  const auto models = FindModels({"v3.2", "v4-pro", "v4-flash", "gqa8", "embedded"});
  ASSERT_TRUE(models.ok());
  const auto contexts = *ContextsFlag("--context", "1,100,129,4095,1000000,1M");
  const Json json = ReportJson(CompareModels(*models, contexts, Default()));
  const Json& weights = *json.Find("flops")->Find("weights");
  const Json::Array& points = *json.Find("points")->AsArray();
  ASSERT_EQ(points.size(), contexts.size() * models->size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Json& point = points[i];
    const Twin twin{(*json.Find("models")->AsArray())[i % models->size()]};
    const std::uint64_t n = Integer(point, "tokens");
    EXPECT_EQ(n, contexts[i / models->size()]);
    EXPECT_EQ(*point.Find("model")->AsString(), *twin.model.Find("key")->AsString());
    EXPECT_EQ(Integer(point, "kv_bytes"), twin.KvBytes(n, "published"));
    EXPECT_EQ(Integer(point, "read_bytes"), twin.ReadBytes(n, "published"));
    EXPECT_DOUBLE_EQ(*point.Find("gflops")->AsNumber(), twin.Flops(n, weights) / 1e9);
    if (!twin.model.Find("state")->is_null()) {
      EXPECT_EQ(Integer(point, "state_bytes"), twin.StateBytes(n));
    }
  }
}

TEST(Compare, ContextsOutsideAModelsLimitAreSaid) {
  const auto models = FindModels({"v3.2", "v4-pro"});
  const Json json = ReportJson(CompareModels(*models, {163840, 163841}, Default()));
  const Json::Array& points = *json.Find("points")->AsArray();
  EXPECT_TRUE(*points[0].Find("within_limit")->AsBool());
  EXPECT_FALSE(*points[2].Find("within_limit")->AsBool());
  EXPECT_TRUE(*points[3].Find("within_limit")->AsBool());
}

TEST(Compare, AModelWithoutEntriesYetIsNotDividedByZero) {
  const auto models = FindModels({"v4-flash", "v3.2"});
  const std::string text = ReportJson(CompareModels(*models, {1}, Default())).Dump();
  EXPECT_EQ(text.find("nan"), std::string::npos);
  EXPECT_EQ(text.find("null,\"flops_share\""), std::string::npos);
}

TEST(Contexts, RangesAndLists) {
  using Contexts = std::vector<std::uint64_t>;
  EXPECT_EQ(*ContextsFlag("--context", "4K..20K"), (Contexts{4096, 8192, 16384, 20480}));
  EXPECT_EQ(*ContextsFlag("--context", "1M,4K,1M"), (Contexts{4096, 1048576}));
  for (const char* bad : {"", "4K..", "..4K", "8K..4K", "4K,", "0", "x", "1..2000G", "4K...8K"}) {
    const auto contexts = ContextsFlag("--context", bad);
    ASSERT_FALSE(contexts.ok()) << bad;
    EXPECT_EQ(contexts.error().what.find("--context: "), 0u) << contexts.error().what;
  }
  EXPECT_FALSE(ContextFlag("--context", "4K..8K").ok());
}

TEST(Models, AFileIsReadAndErrorsNameIt) {
  const testing::TempFolder folder;
  const std::string path = folder.path() + "/my-model.json";
  ASSERT_TRUE(io::WriteFile(path, R"({"model_type": "llama", "torch_dtype": "bfloat16",
      "vocab_size": 10, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
      "num_key_value_heads": 1, "head_dim": 32, "intermediate_size": 32, "attention_bias": false,
      "max_position_embeddings": 10, "tie_word_embeddings": false})")
                  .ok());
  const auto model = FindModel(path);
  ASSERT_TRUE(model.ok()) << model.error().what;
  EXPECT_EQ(model->cost.name, "my-model");
  EXPECT_EQ(model->StateBytes(100, cost::KvFormat::kPublished), 100u * 2 * 2 * 32 * 2);
  ASSERT_TRUE(io::WriteFile(path, R"({"model_type": "gpt2"})").ok());
  const auto bad = FindModel(path);
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().what.find(path + ": config.json: model_type: found \"gpt2\""), 0u)
      << bad.error().what;
  EXPECT_FALSE(FindModel(folder.path()).ok());
}

TEST(Show, ComponentsAddUpToTheirTotal) {
  const auto model = FindModel("v4-flash");
  const Json json = ReportJson(ShowModel(*model, 1 << 20, Default()));
  const Json::Array& rows = *json.Find("components")->AsArray();
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) bytes += Integer(rows[i], "weight_bytes");
  EXPECT_EQ(bytes, 159'609'485'896u);
  EXPECT_EQ(Integer(rows.back(), "weight_bytes"), bytes);
}

// A cache that does not grow is fixed, and not 0 bytes a token.
TEST(Compare, AModelOfWindowsAloneSaysThatItsCacheIsFixed) {
  const testing::TempFolder folder;
  const std::string path = folder.path() + "/config.json";
  ASSERT_TRUE(io::WriteFile(path, R"({"model_type": "mistral", "torch_dtype": "bfloat16",
      "vocab_size": 32000, "hidden_size": 4096, "num_hidden_layers": 32,
      "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336,
      "sliding_window": 4096, "max_position_embeddings": 32768, "tie_word_embeddings": false})")
                  .ok());
  const std::vector<PlannedModel> models = {*FindModel("gqa8"), *FindModel(path)};
  const Report report = CompareModels(models, {4096}, Default());
  EXPECT_NE(ReportText(report).find("fixed: 536.9 MB"), std::string::npos) << ReportText(report);
  const Json json = ReportJson(report);
  const Json& rows = *json.Find("weights");
  EXPECT_TRUE(rows.AsArray()->at(1).Find("kv_bytes_per_token")->is_null());
  EXPECT_EQ(*rows.AsArray()->at(0).Find("kv_bytes_per_token")->AsNumber(), 61 * 4096);
  const Json& model = json.Find("models")->AsArray()->at(1);
  EXPECT_TRUE(model.Find("kv_bytes_per_token")->is_null());
  EXPECT_EQ(Integer(model, "kv_fixed_bytes"), 32u * 4096 * 4096);
}

}  // namespace
}  // namespace hadal::plan
