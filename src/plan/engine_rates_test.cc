#include "plan/engine_rates.h"

#include <gtest/gtest.h>

#include "plan/predict.h"

namespace hadal::plan {
namespace {

constexpr const char* kRates = R"({"threads": 2, "kernels": [
  {"kernel": "bf16_matrix", "per_s": 4e10}, {"kernel": "fp8_matrix", "per_s": 2e10},
  {"kernel": "fp4_matrix", "per_s": 1e10}, {"kernel": "index_scores", "per_s": 5e11},
  {"kernel": "attention", "per_s": 1e11}, {"kernel": "memory_read", "per_s": 4e10}]})";

EngineRates Rates() { return *EngineRatesFromJson(*ParseJson(kRates), "rates.json"); }

Machine Fast() {  // its own limits are far away
  Machine m;
  m.name = "m";
  m.cores = 2;
  m.ram_bytes = std::uint64_t{1} << 42;
  m.dram_bytes_per_s = 1e16;
  m.f32_flops = m.bf16_flops = m.int16_ops = m.int8_ops = 1e20;
  m.decode_share = 0.5;
  return m;
}

TEST(EngineRates, EachKindOfWorkTakesTheTimeOfItsKernel) {
  const PlannedModel model = *FindModel("v4-flash");
  Machine machine = Fast();
  machine.engine = Rates();
  const Load load{.context = 1'000'000};
  const Prediction p = PredictDecode(model, machine, load, PlacementOf(model, machine, load));
  std::map<std::string, Term> terms;
  for (const Term& term : p.terms) terms[term.name] = term;
  // Bytes and operations of docs/plan.md: experts FP4, head BF16, scores and attention by
  // operations.
  EXPECT_NEAR(terms["experts"].seconds, terms["experts"].bytes / 1e10, 1e-9);
  EXPECT_NEAR(terms["shared experts"].seconds, terms["shared experts"].bytes / 2e10, 1e-9);
  EXPECT_NEAR(terms["head"].seconds, 2.0 * 129280 * 4096 / 4e10, 1e-9);
  EXPECT_NEAR(terms["index scores"].seconds, 2.0 * 21 * 250'000 * 64 * 128 / 5e11, 1e-9);
  EXPECT_NEAR(terms["attention over entries"].seconds, 2.0 * 11'304'697'856 / 1e11, 1e-9);
  EXPECT_EQ(terms["experts"].bound, "the FP4 kernel");
  EXPECT_EQ(terms["index scores"].bound, "the index kernel");
}

// Those of files of an earlier release do not know many rows: prefill is then by the limits.
TEST(EngineRates, PrefillGoesByManyRows) {
  const PlannedModel model = *FindModel("v4-flash");
  Machine machine = Fast();
  const Load load{.context = 4096, .rows = 4096};
  const auto terms = [&] {
    std::map<std::string, Term> found;
    for (const Term& term :
         PredictPrefill(model, machine, load, PlacementOf(model, machine, load)).terms)
      found[term.name] = term;
    return found;
  };
  const double limits = terms()["experts"].seconds;
  machine.engine = Rates();
  EXPECT_FALSE(machine.engine->knows_many_rows());
  EXPECT_EQ(terms()["experts"].seconds, limits);
  std::string text = kRates;
  text.insert(text.rfind(']'), R"(, {"kernel": "bf16_matrix_many_rows", "per_s": 3e11},
    {"kernel": "fp8_matrix_many_rows", "per_s": 2e11},
    {"kernel": "fp4_matrix_many_rows", "per_s": 1e11})");
  machine.engine = *EngineRatesFromJson(*ParseJson(text), "rates.json");
  ASSERT_TRUE(machine.engine->knows_many_rows());
  auto found = terms();
  EXPECT_NEAR(found["experts"].seconds, found["experts"].flops / 1e11, 1e-9);
  EXPECT_NEAR(found["shared experts"].seconds, found["shared experts"].flops / 2e11, 1e-9);
  EXPECT_NEAR(found["router"].seconds, found["router"].flops / 3e11, 1e-9);
  text.replace(text.find("2e11"), 4, "2e99");
  const auto refused = EngineRatesFromJson(*ParseJson(text), "r.json");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().what.find("r.json: fp8_matrix_many_rows: per_s: found"), 0u)
      << refused.error().what;
}

TEST(EngineRates, AreNotTakenForModelsThatTheEngineDoesNotRun) {
  const PlannedModel model = *FindModel("gqa8");
  Machine machine = Fast();
  const Load load{.context = 1000};
  const double without =
      PredictDecode(model, machine, load, PlacementOf(model, machine, load)).tokens_per_s;
  machine.engine = Rates();
  EXPECT_EQ(PredictDecode(model, machine, load, PlacementOf(model, machine, load)).tokens_per_s,
            without);
}

TEST(EngineRates, FollowTheMemoryWhereTheyReadIt) {
  const EngineRates half = WhenMemoryGives(Rates(), 2e10);
  EXPECT_EQ(half.Of(kernels::Product::kFp8Matrix), 1e10);
  EXPECT_EQ(half.Of(kernels::Product::kFloatMatrix), 2e10);
  EXPECT_EQ(half.Of(kernels::Product::kIndexScores), 5e11);
  EXPECT_EQ(half.Of(kernels::Product::kAttention), 1e11);
  EXPECT_EQ(half.read_bytes_per_s, 2e10);
}

TEST(EngineRates, ErrorsNameTheKernel) {
  const auto error = [](const std::string& text) {
    const auto rates = EngineRatesFromJson(*ParseJson(text), "r.json");
    return rates.ok() ? "" : rates.error().what;
  };
  EXPECT_EQ(error("{}").find("r.json: threads: found nothing"), 0u);
  EXPECT_EQ(error(R"({"threads": 2})").find("r.json: kernels: expected"), 0u);
  EXPECT_EQ(error(R"({"threads": 2, "kernels": []})"),
            "r.json: kernels: found no bf16_matrix, expected its rate");
  EXPECT_EQ(error(R"({"threads": 2, "kernels": [{"kernel": "fp8_matrix", "per_s": -1}]})")
                .find("r.json: fp8_matrix: per_s: found -1"),
            0u);
}

TEST(EngineRates, WhatNoMachineCanDoIsRefused) {
  const auto with = [](const std::string& kernel, const std::string& rate) {
    std::string text = kRates;
    const std::size_t at = text.find("per_s", text.find(kernel)) + 8;
    const auto rates =
        EngineRatesFromJson(*ParseJson(text.replace(at, text.find('}', at) - at, rate)), "r.json");
    return rates.ok() ? "" : rates.error().what;
  };
  EXPECT_EQ(with("fp8_matrix", "1.5e11"), "");
  EXPECT_EQ(with("fp8_matrix", "1.7e11"),
            "r.json: fp8_matrix: per_s: found 1.7e+11, expected 4e+07 to 1.6e+11: what memory_read "
            "leaves possible");
  EXPECT_NE(with("fp4_matrix", "1e7"), "");
  EXPECT_NE(with("memory_read", "1e16"), "");
  EXPECT_NE(with("memory_read", "1e5"), "");
  EXPECT_EQ(with("index_scores", "1.9e13"), "");
  EXPECT_NE(with("index_scores", "2.1e13").find("what so many threads can do"), std::string::npos);
  EXPECT_NE(with("attention", "1e6"), "");
}

}  // namespace
}  // namespace hadal::plan
