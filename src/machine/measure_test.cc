#include "machine/measure.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <set>
#include <vector>

#include "kernels/isa.h"
#include "machine/loops.h"
#include "machine/report.h"
#include "testing/temp_folder.h"

namespace hadal::machine {
namespace {

MeasureOptions Small() {
  return {.quick = true, .threads = {1, 2}, .buffer_bytes = std::uint64_t{8} << 20};
}

TEST(Samples, MedianOfOddAndEven) {
  EXPECT_EQ(Samples::Of({3, 1, 2}).median, 2);
  EXPECT_EQ(Samples::Of({4, 1, 2, 3}).median, 2.5);
  const Samples one = Samples::Of({7});
  EXPECT_EQ(one.median, 7);
  EXPECT_EQ(one.min, 7);
  EXPECT_EQ(one.max, 7);
}

// Rates that any machine of this century has, and none of this one exceeds.
TEST(Measure, FindsPlausibleRates) {
  const MachineReport report = MeasureMachine(Small()).value();
  ASSERT_EQ(report.reads.size(), 2u);
  EXPECT_EQ(report.reads[1].threads, 2u);
  EXPECT_EQ(report.buffer_bytes, std::uint64_t{8} << 20);
  for (const ReadRate& rate : report.reads) {
    EXPECT_GT(rate.bytes_per_s.median, 1e7);
    EXPECT_LT(rate.bytes_per_s.median, 1e13);
    EXPECT_LE(rate.bytes_per_s.min, rate.bytes_per_s.median);
    EXPECT_LE(rate.bytes_per_s.median, rate.bytes_per_s.max);
  }
  for (const ArithmeticRate& rate : report.arithmetic) {
    EXPECT_GT(rate.ops_per_s.median, 1e8) << rate.instruction;
    EXPECT_LT(rate.ops_per_s.median, 1e14) << rate.instruction;
  }
  EXPECT_GE(report.computer.threads, 1u);
  EXPECT_GT(report.computer.ram_bytes, report.computer.available_bytes);
  EXPECT_FALSE(report.disk.has_value());
  EXPECT_EQ(report.arithmetic.empty(), kernels::RunnableIsas().size() == 1);
}

// A share of the peak needs the peak of what the kernels use, and of nothing faster.
TEST(Measure, FindsThePeakOfEveryProductsInstruction) {
  for (const kernels::Isa isa : kernels::RunnableIsas()) {
    if (isa == kernels::Isa::kRef) continue;
    kernels::SetActiveIsa(isa);
    const MachineReport report = MeasureMachine(Small()).value();
    std::set<std::string> measured;
    for (const ArithmeticRate& rate : report.arithmetic) {
      measured.insert(fmt::format("{} {}", ArithmeticName(rate.arithmetic), rate.instruction));
      EXPECT_TRUE(isa == kernels::Isa::kAvx512 || !rate.instruction.starts_with("avx512"))
          << kernels::IsaName(isa) << ": " << rate.instruction;
    }
    for (const kernels::Product product : kernels::kAllProducts) {
      const Arithmetic arithmetic = kernels::ArithmeticOf(product);
      // These two have no FMA of their own.
      kernels::Isa of = isa;
      if (arithmetic == Arithmetic::kF32Fma && isa == kernels::Isa::kAvxVnni)
        of = kernels::Isa::kAvx2;
      if (arithmetic == Arithmetic::kF32Fma && isa == kernels::Isa::kI8mm) of = kernels::Isa::kNeon;
      EXPECT_TRUE(measured.contains(fmt::format("{} {} {}", ArithmeticName(arithmetic),
                                                kernels::IsaName(of),
                                                kernels::InstructionOf(arithmetic, isa))));
    }
    EXPECT_GT(report.OpsPerSecond(Arithmetic::kInt8Dot, 1), 0);
  }
  kernels::SetActiveIsa(kernels::RunnableIsas().back());
}

TEST(Measure, TheNearestThreadsAndTheFastestInstructionCount) {
  MachineReport report;
  report.reads = {{1, {10, 9, 11}}, {4, {40, 39, 41}}};
  report.arithmetic = {{Arithmetic::kInt8Dot, "slow", 1, {5, 5, 5}},
                       {Arithmetic::kInt8Dot, "fast", 1, {6, 6, 6}},
                       {Arithmetic::kInt8Dot, "slow", 2, {10, 10, 10}},
                       {Arithmetic::kF32Fma, "fma", 1, {3, 3, 3}}};
  EXPECT_EQ(report.ReadBytesPerSecond(1), 11);
  EXPECT_EQ(report.ReadBytesPerSecond(3), 41);
  EXPECT_EQ(report.OpsPerSecond(Arithmetic::kInt8Dot, 1), 6);
  EXPECT_EQ(report.OpsPerSecond(Arithmetic::kInt8Dot, 8), 10);
  EXPECT_EQ(report.OpsPerSecond(Arithmetic::kBf16Dot, 1), 0);
}

TEST(Measure, LaterReadsAreMoreSamples) {
  MachineReport report;
  report.reads = {{1, {10, 9, 11}, {9, 10, 11}}, {2, {20, 20, 20}, {20}}};
  report.AddReads(1, std::vector<double>{8, 12, 13, 13});
  EXPECT_EQ(report.reads[0].bytes_per_s.median, 11);
  EXPECT_EQ(report.reads[0].bytes_per_s.min, 8);
  EXPECT_EQ(report.reads[0].bytes_per_s.max, 13);
  EXPECT_EQ(report.reads[1].bytes_per_s.max, 20);
}

TEST(Measure, SaysWhatIsWrong) {
  MeasureOptions options = Small();
  options.threads = {1, 0};
  const auto refused = MeasureMachine(options);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().what, "threads: found 0, expected 1 to 1024");
  const auto disk = MeasureDisk("/no/such/folder", 1 << 20);
  ASSERT_FALSE(disk.ok());
  EXPECT_EQ(disk.error().code, Code::kNotFound);
  EXPECT_EQ(disk.error().what.find("/no/such/folder: cannot"), 0u) << disk.error().what;
}

TEST(Measure, TheDiskIsLeftAsItWas) {
  const testing::TempFolder folder;
  const DiskRate rate = MeasureDisk(folder.path(), std::uint64_t{9} << 20).value();
  EXPECT_EQ(rate.bytes, std::uint64_t{8} << 20);
  EXPECT_GT(rate.best.bytes_per_s, 1e6);
  EXPECT_EQ(rate.trials.size(), 5u);
  for (const DiskTrial& trial : rate.trials) EXPECT_GT(trial.bytes_per_s, 1e6);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Measure, TheBestTrialHasTheLeastUnderWayOfTheFast) {
  const auto trial = [](std::size_t depth, std::uint64_t block, double rate) {
    return DiskTrial{{.depth = depth, .block_bytes = block}, "threads", rate};
  };
  const std::vector<DiskTrial> trials{trial(4, 4096, 90), trial(16, 4096, 98), trial(64, 4096, 100),
                                      trial(16, 8192, 99)};
  EXPECT_EQ(BestTrial(trials).bytes_per_s, 98);
  EXPECT_EQ(BestTrial({trials[0]}).bytes_per_s, 90);
}

// Reading sums up every word: a loop that skipped some would find another sum.
TEST(Loops, ReadEveryByte) {
  constexpr std::size_t kBytes = 8192;
  alignas(64) static std::byte data[kBytes];
  std::uint64_t want = 0;
  for (std::size_t i = 0; i < kBytes / 8; ++i) {
    const std::uint64_t word = (i + 1) * 0x9E3779B97F4A7C15u;
    std::memcpy(data + 8 * i, &word, 8);
    want ^= word;
  }
  for (const kernels::Isa isa : kernels::RunnableIsas()) {
    if (isa == kernels::Isa::kAvx2) {
      EXPECT_EQ(avx2::ReadAll(data, kBytes), want);
    }
    if (isa == kernels::Isa::kAvx512) {
      EXPECT_EQ(avx512::ReadAll(data, kBytes), want);
    }
  }
}

// Every round does the arithmetic that it is counted for.
TEST(Loops, ComputeWhatTheyCount) {
  const DotInstructions dots = DetectDots();
  // A chain starts at x in every lane; a round adds 4 products of bytes, or 2 of words or BF16
  // numbers.
  if (dots.avx512_bf16) {
    EXPECT_EQ(avx512::DotBf16(5, 1), kChains * (1 + 5 * 2));
    EXPECT_EQ(avx512::DotBf16(6, 1), kChains * (1 + 6 * 2));
  }
  for (const kernels::Isa isa : kernels::RunnableIsas()) {
    if (isa == kernels::Isa::kAvx2) {
      EXPECT_FLOAT_EQ(avx2::FmaF32(1 << 10, 1), kChains * (1 + 0x1p-10f));
    }
    if (isa == kernels::Isa::kAvxVnni) {
      EXPECT_EQ(avxvnni::DotInt16(5, 3), kChains * (3 + 5 * 2 * 9));
      EXPECT_EQ(avxvnni::DotInt8(5, 3), kChains * (3 + 5 * 4 * 9));
    }
    if (isa == kernels::Isa::kAvx512) {
      EXPECT_FLOAT_EQ(avx512::FmaF32(1 << 10, 1), kChains * (1 + 0x1p-10f));
    }
    if (isa == kernels::Isa::kNeon) {
      EXPECT_FLOAT_EQ(neon::FmaF32(1 << 10, 1), kChains * (1 + 0x1p-10f));
      EXPECT_EQ(neon::DotInt16(5, 3), kChains * (3 + 5 * 2 * 9));
      EXPECT_EQ(neon::DotInt8(5, 3), kChains * (3 + 5 * 4 * 9));
    }
    if (isa == kernels::Isa::kI8mm) {  // four squares of bytes each, or one
      EXPECT_EQ(i8mm::DotInt16(5, 3), kChains * (3 + 5 * 4 * 8 * 9));
      EXPECT_EQ(i8mm::DotInt8(5, 3), kChains * (3 + 5 * 8 * 9));
    }
  }
}

TEST(Report, HasWhatItSays) {
  MeasureOptions options = Small();
  const testing::TempFolder folder;
  options.disk_folder = folder.path();
  options.disk_bytes = 4 << 20;
  std::size_t last = 0, total = 0;
  options.on_progress = [&](std::size_t done, std::size_t all) {
    EXPECT_EQ(done, last + 1);
    last = done;
    total = all;
  };
  const MachineReport report = MeasureMachine(options).value();
  EXPECT_EQ(last, total);
  const Json json = ToJson(report);
  EXPECT_EQ(json.Find("read")->AsArray()->size(), 2u);
  EXPECT_EQ(*(*json.Find("read")->AsArray())[0].Find("bytes_per_s")->AsNumber(),
            report.reads[0].bytes_per_s.median);
  EXPECT_EQ(json.Find("arithmetic")->AsArray()->size(), report.arithmetic.size());
  EXPECT_EQ(*json.Find("disk")->Find("bytes")->AsInt(), 4 << 20);
  EXPECT_EQ(json.Find("disk")->Find("trials")->AsArray()->size(), 5u);
  EXPECT_GT(*json.Find("disk")->Find("depth")->AsInt(), 0);
  const std::string text = ToText(report);
  EXPECT_NE(text.find("memory read"), std::string::npos);
  EXPECT_NE(text.find("disk read"), std::string::npos);
}

}  // namespace
}  // namespace hadal::machine
