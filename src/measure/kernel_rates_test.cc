#include "measure/kernel_rates.h"

#include <gtest/gtest.h>

#include <set>

namespace hadal::measure {
namespace {

// Every kernel, and reading, once; in the relations that a machine allows (plan/engine_rates.cc
// refuses others): a matrix that is read from memory or a cache is not read faster than reading
// alone goes there, nor a thousand times slower, and no core does 10^13 operations a second. A
// wrong unit, a loop that the compiler drops, a number of repetitions that is left out: all are
// outside.
TEST(KernelRates, ArePossible) {
  constexpr std::size_t kThreads = 2;
  const std::vector<KernelRate> rates = *MeasureKernels(kThreads, std::size_t{8} << 20);
  double memory = 0;
  for (const KernelRate& rate : rates)
    if (rate.kernel == "memory_read") memory = rate.per_s.median;
  ASSERT_GT(memory, 1e7);
  ASSERT_LT(memory, 1e13);
  std::set<std::string_view> names;
  for (const KernelRate& rate : rates) {
    names.insert(rate.kernel);
    const bool bytes = rate.unit == std::string_view("bytes");
    EXPECT_GT(rate.per_s.median, bytes ? memory / 1000 : 1e6 * kThreads) << rate.kernel;
    EXPECT_LT(rate.per_s.median, bytes ? memory * 4 : 1e13 * kThreads) << rate.kernel;
    EXPECT_LE(rate.per_s.min, rate.per_s.median);
    EXPECT_LE(rate.per_s.median, rate.per_s.max);
  }
  EXPECT_EQ(rates.size(), 6u);
  EXPECT_EQ(names.size(), 6u);
}

}  // namespace
}  // namespace hadal::measure
