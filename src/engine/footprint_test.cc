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

// Where experts on disk save much, a refusal says so, and nowhere else.
TEST(CheckMemory, SaysWhatExpertsOnDiskSave) {
  const auto refused = [](std::uint64_t less) {
    Footprint f = Some();
    f.on_disk_less = less;
    return CheckMemory(f, 1014 * kMega, Leaves(0)).error().what;
  };
  EXPECT_NE(refused(500 * kMega).find("; --experts disk needs about 500.0 MB less"),
            std::string::npos);
  EXPECT_EQ(refused(kMega).find("--experts disk"), std::string::npos);
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
  // What is let through is there: the same share is left for others.
  const std::uint64_t just = 170 * kMega * 16 / 15 + 1;
  EXPECT_TRUE(CheckMemory(f, std::nullopt, Leaves(just)).ok());
  EXPECT_GE(HeldExpertBytes(f, std::nullopt, Leaves(just)), 70 * kMega);
  const auto refused = CheckMemory(f, std::nullopt, Leaves(just - kMega));
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().what.find("7 of 100 experts, at least"), std::string::npos)
      << refused.error().what;
}

// What prefixes may have is on loan to experts, and no part of what experts have for good.
TEST(CheckMemory, ExpertsBorrowWhatPrefixesMayHave) {
  Footprint f = Streaming();
  f.prefixes = 55 * kMega;
  EXPECT_EQ(HeldExpertBytes(f, 800 * kMega, Leaves(0)), 130 * kMega);
  EXPECT_EQ(LoanBytes(f, Leaves(0)), 55 * kMega);
  EXPECT_EQ(CheckMemory(f, 800 * kMega, Leaves(0)).value(),
            "experts are read from disk as they are wanted: 13 of 100 are held, in 130.0 MB, and 5 "
            "where no prefix is kept");
  Allowance bounded = Leaves(0);
  bounded.addresses_bounded = true;
  EXPECT_EQ(LoanBytes(f, bounded), 0u);
  f.experts = 0;
  EXPECT_EQ(LoanBytes(f, Leaves(0)), 0u);
}

// Scratch of 1 MB a row, beside 100 MB and 500 MB of dense weights; see Streaming.
Footprint StreamingWith(std::size_t rows) {
  Footprint f = Streaming();
  f.scratch = rows * kMega;
  return f;
}

TEST(PlanMemory, PassesGrowWhereExpertsComeFromDisk) {
  const auto rows = [](std::optional<std::uint64_t> ram, std::uint64_t available,
                       std::size_t most) {
    return PlanMemory(StreamingWith, 16, most, ram, Leaves(available)).value().rows;
  };
  EXPECT_EQ(rows(2515 * kMega, 0, 4096), 128u);  // 2 GB are left: an eighth of it is 250 MB
  EXPECT_EQ(rows(2515 * kMega, 0, 100), 100u);
  EXPECT_EQ(rows(2515 * kMega, 0, 0), 16u);
  EXPECT_EQ(rows(2515 * kMega, 400 * kMega, 4096), 32u);  // what is free bounds it too
  EXPECT_EQ(rows(std::nullopt, 2200 * kMega, 4096), 256u);
  const auto mapped =
      PlanMemory([](std::size_t) { return Some(); }, 16, 4096, std::nullopt, Leaves(4000 * kMega));
  EXPECT_EQ(mapped->rows, 16u);
  EXPECT_EQ(mapped->expert_bytes, 0u);
}

// An eighth for scratch is too much where states take nearly all: the run that fits with fewer rows
// is not refused.
TEST(PlanMemory, RowsThatDoNotFitAreHalved) {
  const auto footprint_of = [](std::size_t rows) {
    Footprint f = StreamingWith(rows);
    f.pages = 600 * kMega;
    return f;
  };
  const std::uint64_t least = footprint_of(16).total();
  const auto plan = PlanMemory(footprint_of, 16, 4096, least + 20 * kMega, Leaves(0));
  ASSERT_TRUE(plan.ok()) << plan.error().what;
  EXPECT_EQ(plan->rows, 32u);
  EXPECT_EQ(plan->footprint.total(), footprint_of(32).total());
  EXPECT_GE(plan->expert_bytes, 70 * kMega);
  EXPECT_NE(plan->note.find("experts are read from disk"), std::string::npos);
  EXPECT_FALSE(PlanMemory(footprint_of, 16, 4096, least - 1, Leaves(0)).ok());
}

}  // namespace
}  // namespace hadal::engine
