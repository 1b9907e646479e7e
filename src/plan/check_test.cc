#include "plan/check.h"

#include <gtest/gtest.h>

#include "cost/accounting.h"

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

EngineRates Rates(std::size_t threads) {
  EngineRates rates;
  rates.source = "rates.json";
  rates.threads = threads;
  rates.per_s = {5e9, 5e9, 5e9, 1e20, 1e20};
  rates.read_bytes_per_s = 1e10;
  return rates;
}

// With the kernels' rates nothing of what was measured goes into the prediction.
TEST(Check, ByTheKernelsTheLevelIsPredicted) {
  const PlannedModel model = *FindModel("v4-flash");
  const auto predicted = [&](const char* measured) {
    const auto report = CheckAgainstBench(
        model,
        *ParseJson(Bench(fmt::format(
            R"({{"depth": 0, "threads": 2, "batch": 1, "tokens_per_s": {}}})", measured))),
        "bench.json", Rates(2));
    return *ReportJson(*report).Find("decode")->AsArray()->at(0).Find("predicted")->AsNumber();
  };
  // All but the norms and the embedding's row goes at half the bandwidth.
  const double by_bandwidth = 1e10 / static_cast<double>(cost::ActiveWeightBytes(model.cost));
  EXPECT_NEAR(predicted("0.1"), by_bandwidth / 2, 1e-3 * by_bandwidth);
  EXPECT_EQ(predicted("0.1"), predicted("0.4"));
}

TEST(Check, TheKernelsRatesFollowTheMemoryAroundARow) {
  const PlannedModel model = *FindModel("v4-flash");
  const auto report = CheckAgainstBench(
      model,
      *ParseJson(Bench(
          R"({"depth": 0, "threads": 2, "batch": 1, "tokens_per_s": 1, "read_bytes_per_s": 1e10},
             {"depth": 0, "threads": 2, "batch": 2, "tokens_per_s": 1, "read_bytes_per_s": 1e10},
             {"depth": 0, "threads": 2, "batch": 1, "tokens_per_s": 1, "read_bytes_per_s": 7e9})")),
      "bench.json", Rates(2));
  const Json json = ReportJson(*report);
  const Json::Array& rows = *json.Find("decode")->AsArray();
  const double calm = *rows[0].Find("predicted")->AsNumber();
  EXPECT_NEAR(*rows[2].Find("predicted")->AsNumber(), 0.7 * calm, 1e-9 * calm);
  EXPECT_EQ(*rows[2].Find("read_bytes_per_s")->AsNumber(), 7e9);
}

TEST(Check, RowsThatDoNotSayWhatMemoryGaveTakeTheRatesAsTheyAre) {
  const PlannedModel model = *FindModel("v4-flash");
  const auto report = CheckAgainstBench(
      model,
      *ParseJson(Bench(
          R"({"depth": 0, "threads": 2, "batch": 1, "tokens_per_s": 1, "read_bytes_per_s": 5e9},
             {"depth": 0, "threads": 2, "batch": 1, "tokens_per_s": 1},
             {"depth": 0, "threads": 2, "batch": 1, "tokens_per_s": 1,
              "read_bytes_per_s": 1e10})")),
      "bench.json", Rates(2));
  const Json json = ReportJson(*report);
  const Json::Array& rows = *json.Find("decode")->AsArray();
  EXPECT_EQ(*rows[1].Find("predicted")->AsNumber(), *rows[2].Find("predicted")->AsNumber());
  EXPECT_TRUE(rows[1].Find("read_bytes_per_s")->is_null());
  EXPECT_NE(ReportText(*report).find("rows that do not say what it gave"), std::string::npos);
}

// A quarter of the experts in memory, a disk of 1 GB/s; memory so fast that the disk decides.
std::string StreamedBench(const std::string& experts) {
  return R"({"machine": {"threads": 2, "ram_bytes": 1000000000000,
    "read": [{"threads": 2, "bytes_per_s": 1e15}],
    "arithmetic": [{"op": "fp32_fma", "threads": 2, "ops_per_s": 1e20}],
    "disk": {"bytes_per_s": 1e9}}, "routing": "by lot", "chunk_tokens": 4096,
    "experts": 11008, "held_experts": 2752,
    "prefill": [{"tokens": 8192, "depth": 0, "threads": 2, "tokens_per_s": 40},
                {"tokens": 8192, "depth": 4096, "threads": 2, "tokens_per_s": 30},
                {"tokens": 8192, "depth": 0, "threads": 1, "tokens_per_s": 20}],
    "decode": [{"depth": 0, "threads": 2, "batch": 1, "tokens_per_s": 0.3, "experts": )" +
         experts + "}]}";
}

TEST(Check, ExpertsFromDiskAreCountedAtTheDisksRate) {
  const PlannedModel model = *FindModel("v4-flash");
  const Json bench = *ParseJson(StreamedBench(R"({"hits": 0.2})"));
  const double active = static_cast<double>(cost::ActiveExpertBytes(model.cost)) / 1e9;
  const auto decode = [&](const CheckAssumptions& assumed) {
    const auto report = CheckAgainstBench(model, bench, "b.json", {}, assumed);
    EXPECT_TRUE(report.ok()) << report.error().what;
    return ReportJson(*report).Find("decode")->AsArray()->at(0);
  };
  const Json evenly = decode({});
  EXPECT_NEAR(*evenly.Find("bound")->AsNumber(), 1 / (0.75 * active), 1e-3);
  EXPECT_EQ(*evenly.Find("hits")->AsNumber(), 0.2);
  EXPECT_EQ(*evenly.Find("hits_assumed")->AsNumber(), 0.25);
  const Json hot = decode({.expert_hits = 0.6, .hits_from = "by hand"});
  EXPECT_NEAR(*hot.Find("bound")->AsNumber(), 1 / (0.4 * active), 1e-3);
  const auto report = CheckAgainstBench(model, bench, "b.json");
  const Json json = ReportJson(*report);
  const Json::Array& prefill = *json.Find("prefill")->AsArray();
  ASSERT_EQ(prefill.size(), 1u);  // whole prompts, of all threads
  const double read = 2 * 0.75 * static_cast<double>(cost::ExpertBytes(model.cost)) / 1e9;
  EXPECT_NEAR(*prefill[0].Find("bound")->AsNumber(), 8192 / read, 1e-2);
  EXPECT_TRUE(prefill[0].Find("predicted")->is_null());  // no rates of many rows
  const std::string text = ReportText(*report);
  for (const char* part : {"2752 of 11008", "chosen by lot", "1.00 GB/s"})
    EXPECT_NE(text.find(part), std::string::npos) << part << text;
}

TEST(Check, PrefillIsPredictedByTheKernelsWithManyRows) {
  const PlannedModel model = *FindModel("v4-flash");
  EngineRates rates = Rates(2);
  rates.many_rows_ops_per_s = {1e12, 1e12, 1e12, 0, 0};
  std::string text = StreamedBench(R"({"hits": 0.2})");
  text.replace(text.find("\"bytes_per_s\": 1e9"), 18, "\"bytes_per_s\": 1e12");
  const auto report = CheckAgainstBench(model, *ParseJson(text), "b.json", rates);
  ASSERT_TRUE(report.ok()) << report.error().what;
  const Json row = ReportJson(*report).Find("prefill")->AsArray()->at(0);
  const cost::MacsByWork macs = cost::PrefillMacs(model.cost, 0, 8192);
  const double matrices =
      static_cast<double>(cost::TotalMacs(macs) - macs[std::size_t(cost::Work::kCoreAttention)] -
                          macs[std::size_t(cost::Work::kIndexFp4)]);
  EXPECT_NEAR(*row.Find("predicted")->AsNumber(), 8192 / (2 * matrices / 1e12), 0.5);
}

TEST(Check, WhereExpertsCameFromDiskItMustBeKnown) {
  std::string text = StreamedBench("null");
  text.replace(text.find(R"({"bytes_per_s": 1e9})"), 20, "null");
  const auto report = CheckAgainstBench(*FindModel("v4-flash"), *ParseJson(text), "b.json");
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().what.find("b.json: machine: disk: expected"), 0u);
}

TEST(Check, TheShareForACatalogueIsTheSmallest) {
  const auto report = CheckAgainstBench(
      *FindModel("v4-flash"),
      *ParseJson(Bench(R"({"depth": 0, "threads": 2, "batch": 1, "tokens_per_s": 0.5},
                          {"depth": 9, "threads": 2, "batch": 1, "tokens_per_s": 0.4},
                          {"depth": 9, "threads": 2, "batch": 2, "tokens_per_s": 0.1})")),
      "bench.json");
  const Json json = ReportJson(*report);
  EXPECT_EQ(json.Find("decode_share")->AsNumber(),
            json.Find("decode")->AsArray()->at(1).Find("share")->AsNumber());
}

TEST(Check, RefusesAnotherModelsBenchAndOtherThreads) {
  const std::string decode =
      R"({"depth": 0, "threads": 2, "batch": 1, "tokens_per_s": 1, "bytes_per_token": 5e9})";
  const auto other =
      CheckAgainstBench(*FindModel("v4-flash"), *ParseJson(Bench(decode)), "bench.json");
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().what.find("bench.json: decode: bytes_per_token: found 5000000000"), 0u);
  const auto threads = CheckAgainstBench(
      *FindModel("v4-flash"),
      *ParseJson(Bench(R"({"depth": 0, "threads": 2, "batch": 1, "tokens_per_s": 1})")),
      "bench.json", Rates(4));
  ASSERT_FALSE(threads.ok());
  EXPECT_EQ(threads.error().what, "rates.json: threads: found 4, expected 2 as in bench.json");
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
  for (const char* bad : {R"({"hits": 2})", R"({"hits": "x"})", "{}"})
    EXPECT_EQ(error(StreamedBench(bad)).find("bench.json: decode: experts: hits: found"), 0u)
        << error(StreamedBench(bad));
}

}  // namespace
}  // namespace hadal::plan
