#include "plan/claims.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace hadal::plan {
namespace {

Json ClaimsJson(const char* kv, const char* flops, std::uint64_t context) {
  return ReportJson(Claims(*MakeAccounting(kv, flops, false), context));
}

std::map<std::string, const Json*> ByName(const Json& json) {
  std::map<std::string, const Json*> claims;
  for (const Json& claim : *json.Find("claims")->AsArray())
    claims[*claim.Find("name")->AsString()] = &claim;
  return claims;
}

double Ours(const Json& json, const std::string& name) {
  const auto claims = ByName(json);
  return claims.contains(name) ? *claims.at(name)->Find("ours")->AsNumber() : -1;
}

const std::string kFewer = "FLOPs of a token, times fewer than V3.2's: V4-Flash";

TEST(Claims, AllButV3sCountRoundToWhatWasPublished) {
  const Json json = ClaimsJson("published", "fp8-equivalent", kClaimedContext);
  std::string missed;
  for (const Json& claim : *json.Find("claims")->AsArray()) {
    for (const char* key : {"published", "ours", "residual"})
      ASSERT_TRUE(claim.Find(key)->AsNumber()) << claim.Dump();
    ASSERT_NE(claim.Find("accounting")->AsString(), nullptr);
    if (!*claim.Find("reproduced")->AsBool()) missed += *claim.Find("name")->AsString() + ";";
  }
  EXPECT_EQ(missed, "parameters: V3.2;");
}

TEST(Claims, HeadlineFigures) {
  const Json json = ClaimsJson("published", "fp8-equivalent", kClaimedContext);
  EXPECT_NEAR(Ours(json, "KV cache, times smaller than V3.2's: V4-Pro"), 9.545, 0.001);
  EXPECT_NEAR(Ours(json, "KV cache, times smaller than V3.2's: V4-Flash"), 13.666, 0.001);
  EXPECT_NEAR(Ours(json, "FLOPs of a token, share of V3.2's: V4-Pro"), 27.07, 0.005);
  EXPECT_NEAR(Ours(json, kFewer), 9.83, 0.005);
  EXPECT_EQ(Ours(json, "checkpoint bytes: V4-Flash"), 159609485896.0);
}

TEST(Claims, OptionsChangeTheAccountingAndNotTheFormulas) {
  EXPECT_NEAR(Ours(ClaimsJson("published", "fp8-equivalent", 1 << 20), kFewer), 9.90, 0.005);
  EXPECT_NEAR(Ours(ClaimsJson("published", "raw", kClaimedContext),
                   "FLOPs of a token, share of V3.2's: V4-Flash"),
              12.19, 0.005);
  EXPECT_NEAR(
      Ours(ClaimsJson("bf16", "raw", 1 << 20), "KV cache, times smaller than V3.2's: V4-Pro"), 8.71,
      0.005);
}

TEST(Claims, TheReasonsNumbersAreComputed) {
  const Json json = ClaimsJson("published", "fp8-equivalent", kClaimedContext);
  std::string whys;
  for (const Json& claim : *json.Find("claims")->AsArray())
    whys += *claim.Find("why")->AsString() + "; ";
  for (const char* part : {"give 12.2%", "9.83x at 1,000,000", "9.90x at 1,048,576", "13.800 with",
                           "49.779 with", "25.840 more", "671.026 without", "36.626 without"})
    EXPECT_NE(whys.find(part), std::string::npos) << part;
}

TEST(Claims, TheTablesNameEveryAccounting) {
  const Json json = ClaimsJson("published", "fp8-equivalent", kClaimedContext);
  EXPECT_EQ(json.Find("flop_accountings")->AsArray()->size(), 2 * cost::FlopAccountings().size());
  EXPECT_EQ(json.Find("kv_accountings")->AsArray()->size(), 2 * cost::kKvFormats);
}

TEST(Claims, SayThatTheAccountingsWereChosenAfterwards) {
  const std::string text = ReportText(Claims(*MakeAccounting("published", "raw", false), 1 << 20));
  EXPECT_NE(text.find("chosen after the published figures were known"), std::string::npos);
}

double Residual(const Json& json, const char* table, const std::string& name, std::int64_t tokens,
                const char* accounting) {
  for (const Json& row : *json.Find(table)->AsArray())
    if (*row.Find("name")->AsString() == name && *row.Find("tokens")->AsInt() == tokens)
      return *row.Find(accounting)->AsNumber();
  return NAN;
}

// TFLOPs by cost/published_test.cc: 1.1092 / 0.1352 = 8.20 against 9.8.
TEST(Claims, EveryAccountingsResidualIsShown) {
  const Json json = ClaimsJson("published", "fp8-equivalent", kClaimedContext);
  EXPECT_NEAR(Residual(json, "flop_residuals", kFewer, 1'000'000, "raw"), 8.204 / 9.8 - 1, 0.001);
  EXPECT_NEAR(Residual(json, "flop_residuals", kFewer, 1'000'000, "fp8-equivalent"), 9.83 / 9.8 - 1,
              0.001);
  EXPECT_NEAR(Residual(json, "flop_residuals", kFewer, 1 << 20, "fp8-equivalent"), 9.90 / 9.8 - 1,
              0.001);
  // 61 * (1152 + 256) against 30 layers' quarter of 1024 + 256, 31 layers' 128th of 1024, 61
  // windows.
  const double n = 1'000'000, v32 = 61 * n * 1408;
  const double pro = 30 * (n / 4) * 1280 + 31 * 7812 * 1024 + 61 * 128 * 1024;
  EXPECT_NEAR(Residual(json, "kv_residuals", "KV cache, times smaller than V3.2's: V4-Pro",
                       1'000'000, "bf16"),
              v32 / pro / 9.5 - 1, 1e-6);
  EXPECT_EQ(json.Find("kv_residuals")->AsArray()->size(), 2u * 6);
  EXPECT_EQ(json.Find("flop_residuals")->AsArray()->size(), 2u * 4);
  EXPECT_EQ(json.Find("parameter_residuals")->AsArray()->size(), 5u);
}

}  // namespace
}  // namespace hadal::plan
