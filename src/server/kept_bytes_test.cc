#include "server/kept_bytes.h"

#include <gtest/gtest.h>

namespace hadal::server {
namespace {

TEST(KeptBytes, AreAPartOfTheBudgetAndBounded) {
  constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
  Allowance allowance;
  allowance.available_bytes = 64 * kMiB;
  EXPECT_EQ(ShareOfBudget(320 * kMiB, allowance).total(), 50 * kMiB);
  EXPECT_EQ(ShareOfBudget(320 * kMiB, allowance).answers, 20 * kMiB);
  EXPECT_EQ(ShareOfBudget(std::nullopt, allowance).total(), 10 * kMiB);
  EXPECT_EQ(ShareOfBudget(std::uint64_t{1} << 40, allowance).total(), 224 * kMiB);
  allowance.available_bytes = 0;
  EXPECT_EQ(ShareOfBudget(std::nullopt, allowance).total(), 224 * kMiB);
}

}  // namespace
}  // namespace hadal::server
