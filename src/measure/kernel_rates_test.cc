#include "measure/kernel_rates.h"

#include <gtest/gtest.h>

#include <set>

namespace hadal::measure {
namespace {

// Rates that any machine of this century has, and none of this one exceeds; every kernel, and reading, once.
TEST(KernelRates, ArePlausible) {
  const std::vector<KernelRate> rates = *MeasureKernels(2, std::size_t{8} << 20);
  std::set<std::string_view> names;
  for (const KernelRate& rate : rates) {
    names.insert(rate.kernel);
    EXPECT_GT(rate.per_s.median, 1e6) << rate.kernel;
    EXPECT_LT(rate.per_s.median, 1e14) << rate.kernel;
    EXPECT_LE(rate.per_s.min, rate.per_s.median);
    EXPECT_LE(rate.per_s.median, rate.per_s.max);
  }
  EXPECT_EQ(rates.size(), 6u);
  EXPECT_EQ(names.size(), 6u);
}

}  // namespace
}  // namespace hadal::measure
