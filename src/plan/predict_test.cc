#include "plan/predict.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "cost/accounting.h"
#include "cost/streamed.h"
#include "plan/fit.h"

namespace hadal::plan {
namespace {

// Arithmetic that takes no time, so that only reading counts; or the other way round.
Machine ReadingOnly(double bytes_per_s) {
  Machine m;
  m.name = "test";
  m.cores = 2;
  m.ram_bytes = std::uint64_t{1} << 42;
  m.dram_bytes_per_s = bytes_per_s;
  m.f32_flops = m.bf16_flops = m.int16_ops = m.int8_ops = 1e30;
  return m;
}

Machine ComputingOnly(double flops) {
  Machine m = ReadingOnly(1e30);
  m.f32_flops = m.bf16_flops = m.int16_ops = m.int8_ops = flops;
  return m;
}

PlannedModel Model(const char* name) { return *FindModel(name); }

double DecodeSeconds(const PlannedModel& model, const Machine& machine, const Load& load) {
  return PredictDecode(model, machine, load, PlacementOf(model, machine, load)).seconds;
}

TEST(Predict, DecodeReadsEveryByteOnce) {
  for (const char* name : {"v4-flash", "v3.2", "gqa8", "embedded"}) {
    const PlannedModel model = Model(name);
    for (const std::uint64_t context : {1u, 5000u, 100000u}) {
      const auto bytes = static_cast<double>(cost::ActiveWeightBytes(model.cost) +
                                             cost::KvBytesRead(model.cost, context));
      EXPECT_NEAR(DecodeSeconds(model, ReadingOnly(1e9), {.context = context}), bytes / 1e9,
                  1e-9 * bytes / 1e9);
    }
  }
}

// 186 GB/s of a 32-core EPYC and 11.2 GB a token: at most 16.6 tokens/s.
TEST(Predict, FlashOnAPublishedServer) {
  const PlannedModel flash = Model("v4-flash");
  EXPECT_NEAR(1 / DecodeSeconds(flash, ReadingOnly(186e9), {.context = 512}), 16.6, 0.1);
}

TEST(Predict, DecodeDoesEveryMultiplication) {
  for (const char* name : {"v4-flash", "v3.2", "gqa8"}) {
    const PlannedModel model = Model(name);
    const auto macs = static_cast<double>(cost::TotalMacs(cost::DecodeMacs(model.cost, 70000)));
    EXPECT_NEAR(DecodeSeconds(model, ComputingOnly(1e12), {.context = 70000}), 2 * macs / 1e12,
                1e-9 * macs / 1e12);
    EXPECT_NEAR(DecodeSeconds(model, ComputingOnly(1e12), {.context = 70000, .sequences = 8}),
                8 * 2 * macs / 1e12, 1e-8 * macs / 1e12);
  }
}

TEST(Predict, ABatchReadsCommonWeightsOnceAndDistinctExperts) {
  const PlannedModel model = Model("v4-flash");
  const Load load{.context = 4096, .sequences = 8};
  const double experts = static_cast<double>(cost::ActiveExpertBytes(model.cost)) *
                         cost::DistinctExperts(model.cost, 8) / 6;
  const double row = 2 * 4096;  // of the embedding, one a token
  const double common = static_cast<double>(cost::ActiveWeightBytes(model.cost) -
                                            cost::ActiveExpertBytes(model.cost)) +
                        7 * row;
  const double entries = 8 * static_cast<double>(cost::KvBytesRead(model.cost, 4096));
  EXPECT_NEAR(DecodeSeconds(model, ReadingOnly(1e9), load) * 1e9, experts + common + entries, 1e3);
}

TEST(Predict, PrefillDoesEveryMultiplicationAndReadsTheWeightsOnceAStep) {
  const PlannedModel model = Model("embedded");
  const Load load{.context = 10000, .rows = 500};
  const Machine computing = ComputingOnly(1e12);
  const auto macs = static_cast<double>(cost::TotalMacs(cost::PrefillMacs(model.cost, 0, 10000)));
  EXPECT_NEAR(PredictPrefill(model, computing, load, PlacementOf(model, computing, load)).seconds,
              2 * macs / 1e12, 1e-9 * macs / 1e12);
  const Machine reading = ReadingOnly(1e9);
  double bytes = 0;
  for (const cost::WeightGroup& group : model.cost.weights) {
    if (group.component == cost::Component::kMtp) continue;
    const bool lookup = group.component == cost::Component::kEmbedding;
    const double steps = lookup ? 10000 : group.for_logits ? 1 : 20;
    const double share = group.component == cost::Component::kExperts
                             ? cost::DistinctExperts(model.cost, 500) / 2
                             : 1;
    bytes += static_cast<double>(group.active_bytes) * steps * share;
  }
  for (std::uint64_t end = 500; end <= 10000; end += 500)
    bytes += static_cast<double>(cost::KvBytes(model.cost, end));
  EXPECT_NEAR(PredictPrefill(model, reading, load, PlacementOf(model, reading, load)).seconds * 1e9,
              bytes, 1e-6 * bytes);
}

// The bytes read over the steps are a closed form: here against their sum.
TEST(Predict, PrefillReadsWhatIsThereAtTheEndOfEachStep) {
  const PlannedModel model = Model("v4-flash");
  const Machine machine = ReadingOnly(1e9);
  for (const std::uint64_t rows : {1u, 3u, 4u, 100u, 128u, 512u, 5000u})
    for (const std::uint64_t context : {1u, 2u, 127u, 128u, 4097u}) {
      const Load load{.context = context, .rows = rows};
      double entries = 0;
      for (std::uint64_t end = rows; end < context + rows; end += rows)
        entries += static_cast<double>(cost::KvBytes(model.cost, std::min(end, context)));
      double read = 0;
      for (const Term& term :
           PredictPrefill(model, machine, load, PlacementOf(model, machine, load)).terms)
        if (term.name == "attention over entries" || term.name == "index scores")
          read += term.bytes;
      EXPECT_NEAR(read, entries, 1e-9 * entries) << rows << " " << context;
    }
}

TEST(Predict, TheLongerOfReadingAndArithmeticCounts) {
  const PlannedModel model = Model("v4-flash");
  Machine machine = ReadingOnly(1e11);
  const Load load{.context = 1 << 20};
  EXPECT_EQ(PredictDecode(model, machine, load, PlacementOf(model, machine, load)).dominated_by(),
            "attention projections: reading RAM");
  machine.int8_ops = 1e11;
  const Prediction slow = PredictDecode(model, machine, load, PlacementOf(model, machine, load));
  EXPECT_EQ(slow.dominated_by(), "index scores: int8 arithmetic");
  double sum = 0;
  for (const Term& term : slow.terms) sum += term.seconds;
  EXPECT_NEAR(sum, slow.seconds, 1e-12);
  machine.decode_share = 0.5;
  EXPECT_NEAR(PredictDecode(model, machine, load, PlacementOf(model, machine, load)).seconds,
              2 * slow.seconds, 1e-12);
}

// Each component at the rate of the arithmetic that the kernels use for it.
TEST(Predict, ArithmeticIsThatOfTheKernels) {
  const PlannedModel model = Model("v4-flash");
  Machine machine = ReadingOnly(1e18);
  machine.f32_flops = 1e9;
  machine.int16_ops = 2e9;
  machine.int8_ops = 4e9;
  const Load load{.context = 100'000};
  std::map<std::string, Term> terms;
  for (const Term& term :
       PredictDecode(model, machine, load, PlacementOf(model, machine, load)).terms)
    terms[term.name] = term;
  for (const auto& [name, rate] : {std::pair("head", 1e9),
                                   {"attention over entries", 1e9},
                                   {"compressors", 1e9},
                                   {"shared experts", 2e9},
                                   {"experts", 4e9},
                                   {"index scores", 4e9}}) {
    ASSERT_TRUE(terms.contains(name)) << name;
    EXPECT_NEAR(terms[name].seconds, terms[name].flops / rate, 1e-9 * terms[name].seconds) << name;
  }
  EXPECT_EQ(terms["shared experts"].bound, "int16 arithmetic");
}

TEST(Predict, ExpertsOnDiskAreReadFromThere) {
  const PlannedModel model = Model("v4-flash");
  Machine machine = ReadingOnly(1e12);
  machine.nvme_bytes = std::uint64_t{1} << 40;
  machine.nvme_bytes_per_s = 1e9;
  Load load{.context = 1024};
  const double all = DecodeSeconds(model, machine, load);
  load.experts_in_memory = 0.25;
  const auto experts = static_cast<double>(cost::ActiveExpertBytes(model.cost));
  // They come into memory and are computed with from there, beside reading in the three layers
  // whose experts are known ahead.
  const double beside = cost::PassBytesByRouting(model.cost, 1024, 1).by_token * 1e-12;
  EXPECT_NEAR(DecodeSeconds(model, machine, load), all + 0.75 * experts * 1e-9 - beside, 1e-6);
}

// What is guessed right is read beside the other layers' work, as long as there is any.
TEST(Predict, GuessesHideReading) {
  const PlannedModel model = Model("v4-flash");
  Machine machine = ReadingOnly(1e10);
  machine.nvme_bytes = std::uint64_t{1} << 40;
  machine.nvme_bytes_per_s = 1e10;
  Load load{.context = 1, .experts_in_memory = 0};
  const double without = DecodeSeconds(model, machine, load);
  load.expert_guesses = 0.5;
  const double by_score =
      static_cast<double>(cost::ActiveExpertBytes(model.cost)) * 40 / 43 * 1e-10;
  EXPECT_NEAR(DecodeSeconds(model, machine, load), without - 0.5 * by_score, 1e-6);
  const Placement placement = PlacementOf(model, machine, load);
  const Prediction p = PredictDecode(model, machine, load, placement);
  EXPECT_NEAR(p.disk_seconds, by_score * 43 / 40, 1e-6);
  double sum = 0;
  for (const Term& term : p.terms) sum += term.seconds;
  EXPECT_NEAR(sum, p.seconds, 1e-12);
  machine.decode_share = 0.5;  // of memory and arithmetic, not of the disk
  EXPECT_NEAR(PredictDecode(model, machine, load, placement).disk_seconds, p.disk_seconds, 1e-12);
}

// A chunk is computed while the next experts are read: the longer of the two counts.
TEST(Predict, PrefillReadsFromDiskWhileItComputes) {
  const PlannedModel model = Model("v4-flash");
  Machine machine = ComputingOnly(1e12);
  machine.nvme_bytes = std::uint64_t{1} << 40;
  machine.nvme_bytes_per_s = 1e12;
  const Load load{.context = 8192, .rows = 4096, .experts_in_memory = 0};
  const auto seconds = [&] {
    return PredictPrefill(model, machine, load, PlacementOf(model, machine, load)).seconds;
  };
  const auto macs = static_cast<double>(cost::TotalMacs(cost::PrefillMacs(model.cost, 0, 8192)));
  EXPECT_NEAR(seconds(), 2 * macs / 1e12, 1e-6 * macs / 1e12);
  machine.nvme_bytes_per_s = 1e9;  // all experts, twice
  EXPECT_NEAR(seconds(), 2 * static_cast<double>(cost::ExpertBytes(model.cost)) / 1e9, 1e-3);
}

// Hits in place of even choice: of what is in memory no byte comes from disk, of the rest all do.
TEST(Predict, HitsDecideHowMuchComesFromDisk) {
  const PlannedModel model = Model("v4-flash");
  Machine machine = ReadingOnly(1e12);
  machine.nvme_bytes = std::uint64_t{1} << 40;
  machine.nvme_bytes_per_s = 1e9;
  Load load{.context = 4096};
  load.experts_in_memory = 0.25;
  const Placement placement = PlacementOf(model, machine, load);
  const auto disk_bytes = [&](std::optional<double> hits) {
    load.expert_hits = hits;
    return PredictDecode(model, machine, load, placement).disk_bytes;
  };
  const double all = disk_bytes(0);
  EXPECT_NEAR(disk_bytes(std::nullopt), 0.75 * all, 1e-6 * all);
  EXPECT_NEAR(disk_bytes(0.6), 0.4 * all, 1e-6 * all);
  EXPECT_EQ(disk_bytes(1), 0);
  load.expert_hits = 0.6;
  const double some = PredictDecode(model, machine, load, placement).seconds;
  load.expert_hits = 0.25;
  EXPECT_LT(some, PredictDecode(model, machine, load, placement).seconds);
}

// The longer of the two counts, and not their sum.
TEST(Predict, ReadingAndArithmeticOverlap) {
  const PlannedModel model = Model("v4-flash");
  Machine machine = ReadingOnly(2e11);
  machine.f32_flops = machine.bf16_flops = machine.int16_ops = machine.int8_ops = 1e12;
  const Load load{.context = 1 << 20};
  const Prediction p = PredictDecode(model, machine, load, PlacementOf(model, machine, load));
  std::size_t checked = 0;
  for (const Term& term : p.terms) {
    if (term.name != "index scores" && term.name != "experts") continue;
    EXPECT_NEAR(term.seconds, std::max(term.bytes / 2e11, term.flops / 1e12), 1e-12);
    ++checked;
  }
  EXPECT_EQ(checked, 2u);
}

TEST(Placement, TensorsThatAreNoPartOfTheModelLieIdle) {
  PlannedModel model = *FindModel("v4-flash");
  Machine machine;
  machine.ram_bytes = std::uint64_t{1} << 40;
  const Load load{.context = 1000};
  const Placement before = PlacementOf(model, machine, load);
  model.cost.weights.push_back({.component = cost::Component::kOther, .bytes = 1000});
  const Placement after = PlacementOf(model, machine, load);
  const auto ram = static_cast<std::size_t>(Memory::kRam);
  EXPECT_EQ(after.common[ram], before.common[ram]);
  EXPECT_EQ(after.idle[ram], before.idle[ram] + 1000);
  EXPECT_EQ(after.weights, before.weights + 1000);
}

TEST(Placement, FillsFastMemoryFirstAndSaysWhatIsTooMuch) {
  const PlannedModel model = Model("v4-flash");
  Machine machine = ReadingOnly(1e9);
  const Load load{.context = 4096};
  machine.ram_bytes = 100'000'000'000;
  Placement p = PlacementOf(model, machine, load);
  EXPECT_FALSE(p.fits());
  EXPECT_EQ(p.missing, p.weights + p.state + p.scratch - machine.ram_bytes);
  machine.nvme_bytes = 1'000'000'000'000;
  machine.nvme_bytes_per_s = 1e9;
  p = PlacementOf(model, machine, load);
  EXPECT_TRUE(p.fits());
  EXPECT_TRUE(p.streams());
  machine.gpus = 2;
  machine.gpu_bytes = 10'000'000'000;
  machine.gpu_bytes_per_s = 1e12;
  p = PlacementOf(model, machine, load);
  EXPECT_GT(p.common[0], 0);
  EXPECT_EQ(p.common[1], 0);
  EXPECT_NEAR(p.common[0] + p.kept_state[0] + p.experts[0], 20e9, 1);
  machine.ram_bytes = 1'000'000;
  machine.gpus = 0;
  EXPECT_FALSE(PlacementOf(model, machine, load).fits());  // common weights are never on disk
}

TEST(Limits, LongestContextIsTheLastThatFits) {
  const PlannedModel model = Model("v4-flash");
  Machine machine = ReadingOnly(1e9);
  machine.ram_bytes = 161'200'000'000;
  Load load;
  const std::uint64_t longest = LongestContext(model, machine, load, false);
  ASSERT_GT(longest, 1u);
  ASSERT_LT(longest, model.cost.max_context);
  load.context = longest;
  EXPECT_TRUE(PlacementOf(model, machine, load).fits());
  load.context = longest + 1;
  EXPECT_FALSE(PlacementOf(model, machine, load).fits());
  machine.ram_bytes = 1'000'000'000;
  EXPECT_EQ(LongestContext(model, machine, {}, false), 0u);
  EXPECT_EQ(LongestContext(model, ReadingOnly(1), {}, false), model.cost.max_context);
}

TEST(Limits, MostSequencesIsTheLastNumberThatFits) {
  const PlannedModel model = Model("v4-flash");
  Machine machine = ReadingOnly(1e9);
  machine.ram_bytes = 200'000'000'000;
  Load load{.context = 100'000};
  load.sequences = MostSequences(model, machine, load, false);
  ASSERT_GT(load.sequences, 1u);
  EXPECT_TRUE(PlacementOf(model, machine, load).fits());
  ++load.sequences;
  EXPECT_FALSE(PlacementOf(model, machine, load).fits());
}

TEST(Limits, MostSequencesWithExpertsOnDisk) {
  const PlannedModel model = Model("v4-flash");
  Machine machine = ReadingOnly(1e9);
  machine.ram_bytes = 64'000'000'000;
  Load load{.context = 100'000};
  EXPECT_EQ(MostSequences(model, machine, load, true), 0u);  // no disk
  machine.nvme_bytes = 1'000'000'000'000;
  machine.nvme_bytes_per_s = 1e9;
  EXPECT_EQ(MostSequences(model, machine, load, false), 0u);
  load.sequences = MostSequences(model, machine, load, true);
  ASSERT_GT(load.sequences, 1u);
  EXPECT_TRUE(PlacementOf(model, machine, load).fits());
  ++load.sequences;
  EXPECT_FALSE(PlacementOf(model, machine, load).fits());
}

TEST(Machines, SeveralShareACopyAndWorkAtOnce) {
  const PlannedModel model = Model("v4-pro");
  Machine machine = ReadingOnly(1e11);
  machine.ram_bytes = 300'000'000'000;
  Load load{.context = 4096};
  EXPECT_FALSE(PlacementOf(model, machine, load).fits());
  load.machines = 4;
  const Placement placement = PlacementOf(model, machine, load);
  ASSERT_TRUE(placement.fits());
  const Prediction one = PredictDecode(model, machine, load, placement);
  load.sequences = 4;
  const Prediction four = PredictDecode(model, machine, load, placement);
  EXPECT_NEAR(four.seconds, one.seconds, 1e-12);
  EXPECT_NEAR(four.tokens_per_s, 4 * one.tokens_per_s, 1e-9);
}

TEST(Prices, RentOrPurchaseAndPower) {
  Machine machine = ReadingOnly(1);
  EXPECT_FALSE(UsdPerHour(machine, {}));
  machine.usd = 8766;
  machine.watts = 500;
  EXPECT_FALSE(UsdPerHour(machine, {}));
  EXPECT_NEAR(*UsdPerHour(machine, {.usd_per_hour = {}, .usd_per_kwh = 0.2, .years = 2}), 0.6,
              1e-12);
  EXPECT_EQ(*UsdPerHour(machine, {.usd_per_hour = 3, .usd_per_kwh = {}}), 3);
  machine.usd_per_hour = 2;
  EXPECT_EQ(*UsdPerHour(machine, {}), 2);  // and not where the purchase is asked for
  EXPECT_NEAR(*UsdPerHour(machine, {.usd_per_hour = {}, .usd_per_kwh = 0.2, .years = 2}), 0.6,
              1e-12);
}

// No cell of a report is a NaN or an infinity, whatever is asked.
TEST(Fit, EveryFigureIsFiniteAndSaysItsBasis) {
  std::vector<PlannedModel> models;
  for (const char* name : {"v4-flash", "v4-pro", "v3.2", "gqa8", "embedded"})
    models.push_back(Model(name));
  const auto machines = *Catalogue("");
  for (const Machine& machine : machines)
    for (const std::uint64_t context : {1u, 1u << 20}) {
      const Json json =
          ReportJson(Fit(models, {.machine = machine, .load = {.context = context}, .prices = {}}));
      EXPECT_EQ(json.Find("fit")->AsArray()->size(), models.size());
      for (const Json& figure : *json.Find("figures")->AsArray()) {
        EXPECT_FALSE(figure.Find("value")->is_null()) << figure.Dump();
        EXPECT_FALSE(figure.Find("basis")->AsString()->empty());
      }
    }
}

}  // namespace
}  // namespace hadal::plan
