#include "server/kept_bytes.h"

#include <gtest/gtest.h>

namespace hadal::server {
namespace {

TEST(KeptBytes, AreAPartOfTheBudgetAndBounded) {
  constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
  Allowance allowance;
  allowance.available_bytes = 64 * kMiB;
  EXPECT_EQ(ShareOfBudget(320 * kMiB, allowance).total(), 55 * kMiB);
  EXPECT_EQ(ShareOfBudget(320 * kMiB, allowance).answers, 20 * kMiB);
  EXPECT_EQ(ShareOfBudget(std::nullopt, allowance).total(), 11 * kMiB);
  EXPECT_EQ(ShareOfBudget(std::uint64_t{1} << 40, allowance).total(), 288 * kMiB);
  EXPECT_EQ(ShareOfBudget(320 * kMiB, allowance).body, 5 * kMiB / 4);
  // Two readers, each with its body's text, of which so much can be taken apart.
  EXPECT_EQ(ReadingBytes(1000, 10, 2), 2u * (6000 + 240));
  EXPECT_EQ(ReadingBytes(1000, 10'000, 2), 2u * (6000 + 24'000));
  allowance.available_bytes = 0;
  EXPECT_EQ(ShareOfBudget(std::nullopt, allowance).total(), 288 * kMiB);
}

}  // namespace
}  // namespace hadal::server
