#include "measure/bench_costs.h"

#include <gtest/gtest.h>

namespace hadal::measure {
namespace {

machine::MachineReport Peaks() {
  machine::MachineReport report;
  report.arithmetic = {{machine::Arithmetic::kF32Fma, "fma", 1, {1e9, 1e9, 1e9}},
                       {machine::Arithmetic::kInt16Dot, "words", 1, {2e9, 2e9, 2e9}},
                       {machine::Arithmetic::kInt8Dot, "bytes", 1, {4e9, 4e9, 4e9}},
                       {machine::Arithmetic::kBf16Dot, "none's", 1, {1e3, 1e3, 1e3}}};
  return report;
}

// A second each at the peak of the instruction that the kernels use.
TEST(BenchCosts, EveryProductHasThePeakOfItsInstruction) {
  const std::pair<cost::Work, std::uint64_t> seconds[] = {
      {cost::Work::kFp8Matrix, 1'000'000'000},  {cost::Work::kOutputA, 1'000'000'000},
      {cost::Work::kFp4Experts, 2'000'000'000}, {cost::Work::kIndexFp4, 2'000'000'000},
      {cost::Work::kBf16Matrix, 500'000'000},   {cost::Work::kCompressor, 500'000'000},
      {cost::Work::kCoreAttention, 500'000'000}};
  cost::MacsByWork all = {};
  for (const auto& [work, macs] : seconds) {
    cost::MacsByWork one = {};
    one[static_cast<std::size_t>(work)] = all[static_cast<std::size_t>(work)] = macs;
    EXPECT_DOUBLE_EQ(PeakSeconds(one, Peaks(), 1), 1) << cost::WorkKey(work);
  }
  EXPECT_DOUBLE_EQ(PeakSeconds(all, Peaks(), 1), 7);
  EXPECT_DOUBLE_EQ(Sum(all), 7.5e9);
}

// Weights are read once for a batch, entries by each of its tokens.
TEST(BenchCosts, ABatchSharesTheWeights) {
  cost::CostModel model;
  model.weights.push_back({.parameters = 1000, .bytes = 1000, .active_bytes = 1000});
  model.kv.push_back({.layers = 2, .entry_bytes = {10}});
  const auto entries = static_cast<double>(cost::KvBytesRead(model, 8));
  EXPECT_GT(entries, 0);
  EXPECT_DOUBLE_EQ(DecodeBytes(model, 7, 1), 1000 + entries);
  EXPECT_DOUBLE_EQ(DecodeBytes(model, 7, 4), 250 + entries);
}

}  // namespace
}  // namespace hadal::measure
