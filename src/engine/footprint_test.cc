#include "engine/footprint.h"

#include <gtest/gtest.h>

namespace hadal::engine {
namespace {

constexpr std::uint64_t kMega = 1'000'000;

Footprint Some() {
  return {.tokens = 1000,
          .sequences = 1,
          .weights = 900 * kMega,
          .fixed = 10 * kMega,
          .pages = 40 * kMega,
          .scratch = 30 * kMega,
          .taken = 15 * kMega,
          .program = 20 * kMega};
}

Allowance Leaves(std::uint64_t bytes) {
  Allowance allowance;
  allowance.available_bytes = bytes;
  allowance.available_by = "the memory limit of /sys/fs/cgroup/x";
  return allowance;
}

TEST(CheckMemory, WhatMustBeResidentHasToFit) {
  const auto refused = CheckMemory(Some(), std::nullopt, Leaves(99 * kMega));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kExhausted);
  EXPECT_EQ(refused.error().what.find("this needs 100.0 MB beside the mapped weights, the memory "
                                      "limit of /sys/fs/cgroup/x leaves 99.0 MB\n"),
            0u)
      << refused.error().what;
  EXPECT_NE(refused.error().what.find("scratch"), std::string::npos);
  EXPECT_TRUE(CheckMemory(Some(), std::nullopt, Leaves(100 * kMega)).ok());
}

TEST(CheckMemory, WeightsThatDoNotFitAreOnlySaid) {
  EXPECT_EQ(CheckMemory(Some(), std::nullopt, Leaves(1000 * kMega)).value(), "");
  const std::string note = CheckMemory(Some(), std::nullopt, Leaves(999 * kMega)).value();
  EXPECT_EQ(note.find("the weights are 900.0 MB, and the memory limit of "), 0u) << note;
  EXPECT_EQ(note.find('\n'), std::string::npos);
}

TEST(CheckMemory, ABudgetHoldsForAllOfIt) {
  EXPECT_TRUE(CheckMemory(Some(), 1015 * kMega, Leaves(0)).ok());
  const auto refused = CheckMemory(Some(), 1014 * kMega, Leaves(0));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().what.find("this needs "), 0u) << refused.error().what;
  // What the place has counts beside it; 0: the place does not say.
  EXPECT_FALSE(CheckMemory(Some(), 9000 * kMega, Leaves(50 * kMega)).ok());
  EXPECT_TRUE(CheckMemory(Some(), std::nullopt, Leaves(0)).ok());
}

// 500 MB of dense weights, 100 experts of 10 MB of which 7 must be held.
Footprint Streaming() {
  Footprint f = Some();
  f.weights = 0;
  f.dense = 500 * kMega;
  f.expert = 10 * kMega;
  f.experts = 100;
  f.least_experts = 7;
  return f;
}

TEST(CheckMemory, ExpertsTakeWhatIsLeft) {
  const Footprint f = Streaming();  // 615 MB without experts, 685 MB with the fewest
  EXPECT_EQ(f.total(), 685 * kMega);
  EXPECT_FALSE(CheckMemory(f, 684 * kMega, Leaves(0)).ok());
  EXPECT_EQ(CheckMemory(f, 685 * kMega, Leaves(0)).value(),
            "experts are read from disk as they are wanted: 7 of 100 are held, in 70.0 MB");
  EXPECT_EQ(HeldExpertBytes(f, 715 * kMega, Leaves(0)), 100 * kMega);
  EXPECT_EQ(HeldExpertBytes(f, 9000 * kMega, Leaves(0)), 1000 * kMega);  // all there are
  // What is free bounds them too: 100 MB of it are needed for other things.
  EXPECT_EQ(HeldExpertBytes(f, 9000 * kMega, Leaves(300 * kMega)), 200 * kMega);
  EXPECT_EQ(HeldExpertBytes(f, std::nullopt, Leaves(320 * kMega)), 200 * kMega);  // less a 16th
  const auto refused = CheckMemory(f, std::nullopt, Leaves(169 * kMega));
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().what.find("7 of 100 experts, at least"), std::string::npos)
      << refused.error().what;
}

}  // namespace
}  // namespace hadal::engine
