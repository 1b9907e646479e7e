#include "plan/check.h"

#include <gtest/gtest.h>

namespace hadal::plan {
namespace {

std::string Bench(const std::string& decode) {
  return R"({"machine": {"threads": 2, "ram_bytes": 1000000000000,
    "read": [{"threads": 2, "bytes_per_s": 1e10}],
    "arithmetic": [{"op": "fp32_fma", "threads": 2, "ops_per_s": 1e20}], "disk": null},
    "decode": [)" +
         decode + "]}";
}

TEST(Check, TheBoundIsBytesOverBandwidthAndTheShareIsTheFirstDepths) {
  const PlannedModel model = *FindModel("v4-flash");
  const auto report = CheckAgainstBench(
      model, *ParseJson(Bench(R"({"depth": 0, "threads": 1, "batch": 1, "tokens_per_s": 0.1},
                          {"depth": 0, "threads": 2, "batch": 1, "tokens_per_s": 0.5},
                          {"depth": 999999, "threads": 2, "batch": 1, "tokens_per_s": 0.4})")),
      "bench.json");
  ASSERT_TRUE(report.ok()) << report.error().what;
  const Json json = ReportJson(*report);
  const Json::Array& rows = *json.Find("decode")->AsArray();
  ASSERT_EQ(rows.size(), 2u);  // one thread of two is not the machine
  const auto bound = [&](std::uint64_t n) {
    return 1e10 / static_cast<double>(cost::ActiveWeightBytes(model.cost) +
                                      cost::KvBytesRead(model.cost, n));
  };
  EXPECT_NEAR(*rows[0].Find("bound")->AsNumber(), bound(1), 1e-9);
  EXPECT_NEAR(*rows[0].Find("difference")->AsNumber(), 0, 1e-12);
  const double predicted = 0.5 / bound(1) * bound(1'000'000);
  EXPECT_NEAR(*rows[1].Find("predicted")->AsNumber(), predicted, 1e-9);
  EXPECT_NEAR(*rows[1].Find("difference")->AsNumber(), predicted / 0.4 - 1, 1e-9);
}

TEST(Check, ErrorsNameTheKey) {
  const PlannedModel model = *FindModel("embedded");
  const auto error = [&](const std::string& text) {
    const auto report = CheckAgainstBench(model, *ParseJson(text), "bench.json");
    return report.ok() ? "" : report.error().what;
  };
  EXPECT_EQ(error("{}").find("bench.json: decode: expected"), 0u);
  EXPECT_EQ(error(Bench("")).find("bench.json: decode: expected"), 0u);
  EXPECT_EQ(error(Bench(R"({"depth": 0, "threads": 2, "batch": 1})"))
                .find("bench.json: decode: tokens_per_s: found nothing"),
            0u);
  EXPECT_EQ(error(R"({"decode": [{"depth": 0, "threads": 2, "batch": 1, "tokens_per_s": 1}]})")
                .find("bench.json: machine: expected"),
            0u);
}

}  // namespace
}  // namespace hadal::plan
