#include "measure/kernel_rates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "cost/engine_products.h"
#include "kernels/isa.h"
#include "kernels/products.h"
#include "machine/measure.h"
#include "testing/sanitized.h"

namespace hadal::measure {
namespace {

using kernels::Product;

#if defined(HADAL_SANITIZED) || !defined(__OPTIMIZE__)
constexpr bool kSlow = true;
#else
constexpr bool kSlow = false;
#endif

constexpr std::size_t kThreads = 2;

// Operations for each unit of a kernel's rate: a byte of FP4 codes is two weights, of two
// operations each, and its share of the scales is left out.
double OperationsPerUnit(Product product) {
  switch (product) {
    case Product::kFloatMatrix:
      return 1;
    case Product::kFp8Matrix:
      return 2;
    case Product::kFp4Matrix:
      return 4;
    case Product::kIndexScores:
    case Product::kAttention:
      return 1;
  }
  return 0;
}

machine::MachineReport MeasureQuickly() {
  return *machine::MeasureMachine(
      {.quick = true, .threads = {kThreads}, .buffer_bytes = std::uint64_t{64} << 20});
}

// Every kernel, and reading, once, beside what the machine can do, measured before and after: no
// kernel computes faster than registers alone, no matrix is read faster than the memory reader goes
// over as many bytes, caches included, and none takes twenty times as long. There is room for a
// busy machine, which shows a quarter of what it can. A clock that counts in another unit,
// repetitions that are left out, a loop that the compiler drops: all are outside.
TEST(KernelRates, AreWhatTheMachineCanDo) {
  const machine::MachineReport before = MeasureQuickly();
  const auto measured = MeasureKernels(kThreads, std::size_t{8} << 20);
  ASSERT_TRUE(measured.ok()) << measured.error().what;
  const machine::MachineReport after = MeasureQuickly();
  const std::vector<KernelRate>& rates = *measured;
  constexpr std::size_t kMatrices = 3;  // also with many rows
  ASSERT_EQ(rates.size(), kernels::kProducts + kMatrices + 1);
  const KernelRate& memory = rates.back();
  ASSERT_EQ(memory.kernel, kernels::kMemoryRead);
  EXPECT_GT(memory.per_s.max, before.ReadBytesPerSecond(kThreads) / 20);
  const bool vectors = kernels::ActiveIsa() != kernels::Isa::kRef;
  for (std::size_t i = 0; i < kernels::kProducts; ++i) {
    const kernels::ProductRow& row = kernels::RowOf(kernels::kAllProducts[i]);
    const machine::Samples& rate = rates[i].per_s;
    const bool bytes = row.rate == kernels::RateUnit::kBytes;
    SCOPED_TRACE(row.key);
    EXPECT_EQ(rates[i].kernel, row.key);
    EXPECT_EQ(rates[i].unit, std::string_view(bytes ? "bytes" : "operations"));
    EXPECT_LE(rate.min, rate.median);
    EXPECT_LE(rate.median, rate.max);
    const double peak = std::max(before.OpsPerSecond(row.arithmetic, kThreads),
                                 after.OpsPerSecond(row.arithmetic, kThreads));
    if (peak == 0) continue;  // a processor without vectors: nothing to compare it with
    EXPECT_LT(rate.max * OperationsPerUnit(row.product), 4 * peak);
    const double limit = bytes ? memory.per_s.max : peak;
    EXPECT_LT(rate.max, 4 * limit);
    if (vectors && !kSlow) {
      EXPECT_GT(rate.max, limit / 20);
    }
  }
  for (std::size_t i = 0; i < kMatrices; ++i) {
    const KernelRate& rate = rates[kernels::kProducts + i];
    const kernels::ProductRow& row = kernels::RowOf(kernels::kAllProducts[i]);
    SCOPED_TRACE(rate.kernel);
    EXPECT_EQ(rate.kernel, cost::ManyRowsKey(row.product));
    EXPECT_EQ(rate.unit, std::string_view("operations"));
    const double peak = std::max(before.OpsPerSecond(row.arithmetic, kThreads),
                                 after.OpsPerSecond(row.arithmetic, kThreads));
    if (peak == 0) continue;
    EXPECT_LT(rate.per_s.max, 4 * peak);
    if (vectors && !kSlow) {
      EXPECT_GT(rate.per_s.max, peak / 20);
    }
  }
}

}  // namespace
}  // namespace hadal::measure
