#include "machine/measure.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

#include "base/clock.h"
#include "base/threads.h"
#include "base/units.h"
#include "kernels/isa.h"
#include "machine/loops.h"
#include "machine/memory_reader.h"

namespace hadal::machine {
namespace {

using kernels::Isa;

constexpr std::size_t kMaxThreads = 1024;

// Results of the loops go here, so that no loop can be left out.
void Keep(double value) {
  static std::atomic<double> sink = 0;
  sink.store(value, std::memory_order_relaxed);
}

// Whether the processor has it and the kernels may use it, which HADAL_FORCE_ISA can forbid: a
// share of the peak is of what is used. An architecture's sets ascend; the plain one is compared
// with all.
bool Runs(Isa isa) {
  const auto isas = kernels::RunnableIsas();
  const Isa active = kernels::ActiveIsa();
  return (active == Isa::kRef || isa <= active) &&
         std::find(isas.begin(), isas.end(), isa) != isas.end();
}

struct Loop {
  Arithmetic arithmetic;
  std::string instruction;  // "avx2 vfmadd"
  double ops_per_round;
  double (*run)(std::uint64_t rounds);
};

// The kernels' own instruction: what they do is compared with its peak.
std::string NameOf(Arithmetic arithmetic, Isa isa) {
  return fmt::format("{} {}", kernels::IsaName(isa), kernels::InstructionOf(arithmetic, isa));
}

template <auto kLoop>
double RunOf(std::uint64_t rounds) {
  return kLoop(rounds, 1);
}

std::vector<Loop> RunnableLoops() {
  const DotInstructions dots = DetectDots();
  std::vector<Loop> loops;
  const auto add = [&](Arithmetic arithmetic, Isa isa, std::size_t register_bits,
                       std::size_t number_bits, double (*run)(std::uint64_t)) {
    loops.push_back(
        {arithmetic, NameOf(arithmetic, isa), OpsPerRound(register_bits, number_bits), run});
  };
  if (Runs(Isa::kAvx2)) {
    add(Arithmetic::kF32Fma, Isa::kAvx2, 256, 32, RunOf<avx2::FmaF32>);
    add(Arithmetic::kInt16Dot, Isa::kAvx2, 256, 16, RunOf<avx2::DotInt16>);
    add(Arithmetic::kInt8Dot, Isa::kAvx2, 256, 8, RunOf<avx2::DotInt8>);
  }
  if (Runs(Isa::kAvxVnni)) {
    add(Arithmetic::kInt16Dot, Isa::kAvxVnni, 256, 16, RunOf<avxvnni::DotInt16>);
    add(Arithmetic::kInt8Dot, Isa::kAvxVnni, 256, 8, RunOf<avxvnni::DotInt8>);
  }
  if (Runs(Isa::kAvx512)) add(Arithmetic::kF32Fma, Isa::kAvx512, 512, 32, RunOf<avx512::FmaF32>);
  if (Runs(Isa::kAvx512) && dots.avx512_bf16)
    loops.push_back(
        {Arithmetic::kBf16Dot, "avx512 vdpbf16ps", OpsPerRound(512, 16), RunOf<avx512::DotBf16>});
  if (Runs(Isa::kAvx512) && dots.avx512_vnni) {
    add(Arithmetic::kInt16Dot, Isa::kAvx512, 512, 16, RunOf<avx512::DotInt16Vnni>);
    add(Arithmetic::kInt8Dot, Isa::kAvx512, 512, 8, RunOf<avx512::DotInt8Vnni>);
  }
  if (Runs(Isa::kNeon)) {
    add(Arithmetic::kF32Fma, Isa::kNeon, 128, 32, RunOf<neon::FmaF32>);
    add(Arithmetic::kInt16Dot, Isa::kNeon, 128, 16, RunOf<neon::DotInt16>);
    add(Arithmetic::kInt8Dot, Isa::kNeon, 128, 8, RunOf<neon::DotInt8>);
  }
  // A chain's round: eight columns of two rows with two others, as many products as of 256 bits.
  if (Runs(Isa::kI8mm)) {
    add(Arithmetic::kInt16Dot, Isa::kI8mm, 256, 8, RunOf<i8mm::DotInt16>);
    add(Arithmetic::kInt8Dot, Isa::kI8mm, 256, 8, RunOf<i8mm::DotInt8>);
  }
  return loops;
}

class Measurer {
 public:
  Measurer(const MeasureOptions& options, Computer computer)
      : options_(options), samples_(options.quick ? 3 : 9), counts_(options.threads) {
    report_.computer = std::move(computer);
    const std::size_t all = report_.computer.threads;
    if (counts_.empty()) {
      for (std::size_t count = 1; count < all; count *= 2) counts_.push_back(count);
      counts_.push_back(all);
    }
    std::sort(counts_.begin(), counts_.end());
    counts_.erase(std::unique(counts_.begin(), counts_.end()), counts_.end());
  }

  Result<MachineReport> Run() {
    const Stopwatch clock;
    const std::vector<Loop> loops = options_.arithmetic ? RunnableLoops() : std::vector<Loop>();
    total_ = samples_ * counts_.size() * (1 + loops.size());
    {
      Threads filling(report_.computer.threads);
      HADAL_TRY(const MemoryReader memory, MemoryReader::Create(BufferBytes(), filling));
      report_.buffer_bytes = memory.bytes();
      for (const std::size_t count : counts_) Read(memory, count);
    }
    for (const Loop& loop : loops)
      for (const std::size_t count : counts_) Compute(loop, count);
    if (options_.disk_folder) {
      const std::uint64_t bytes = options_.disk_bytes != 0 ? options_.disk_bytes
                                  : options_.quick         ? std::uint64_t{64} << 20
                                                           : std::uint64_t{1} << 30;
      HADAL_TRY(report_.disk, MeasureDisk(*options_.disk_folder, bytes));
    }
    report_.seconds = clock.seconds();
    return std::move(report_);
  }

 private:
  std::uint64_t BufferBytes() const {
    std::uint64_t bytes = options_.buffer_bytes;
    if (bytes == 0) {
      const std::uint64_t free = report_.computer.available_bytes;
      bytes = std::uint64_t{4} << (options_.quick ? 27 : 30);
      if (free != 0) bytes = std::min(bytes, free / 4);
    }
    return bytes;
  }

  void Step() {
    ++done_;
    if (options_.on_progress) options_.on_progress(done_, total_);
  }

  void Read(const MemoryReader& memory, std::size_t count) {
    Threads threads(count);
    std::vector<double> rates;
    for (std::size_t sample = 0; sample < samples_; ++sample) {
      rates.push_back(memory.BytesPerSecond(threads));
      Step();
    }
    report_.reads.push_back({count, Samples::Of(rates), rates});
  }

  void Compute(const Loop& loop, std::size_t count) {
    Threads threads(count);
    const double wanted_seconds = options_.quick ? 0.02 : 0.1;
    const auto run = [&](std::uint64_t rounds) {
      const Stopwatch clock;
      threads.Run(count, [&](std::size_t) { Keep(loop.run(rounds)); });
      return clock.seconds();
    };
    // So many rounds that a sample takes the wanted time, whatever the processor.
    std::uint64_t rounds = 1 << 16;
    double seconds = run(rounds);
    while (seconds < wanted_seconds / 4 && rounds < std::uint64_t{1} << 50)
      seconds = run(rounds *= 4);
    rounds = static_cast<std::uint64_t>(static_cast<double>(rounds) * wanted_seconds / seconds) + 1;
    std::vector<double> rates;
    for (std::size_t sample = 0; sample < samples_; ++sample) {
      rates.push_back(static_cast<double>(count) * static_cast<double>(rounds) *
                      loop.ops_per_round / run(rounds));
      Step();
    }
    report_.arithmetic.push_back(
        {loop.arithmetic, loop.instruction, count, Samples::Of(std::move(rates))});
  }

  const MeasureOptions& options_;
  const std::size_t samples_;
  std::vector<std::size_t> counts_;
  MachineReport report_;
  std::size_t done_ = 0, total_ = 0;
};

std::size_t Distance(std::size_t a, std::size_t b) { return a > b ? a - b : b - a; }

}  // namespace

Samples Samples::Of(std::vector<double> values) {
  HADAL_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return {(values[(n - 1) / 2] + values[n / 2]) / 2, values.front(), values.back()};
}

double MachineReport::ReadBytesPerSecond(std::size_t threads) const {
  const ReadRate* best = nullptr;
  for (const ReadRate& rate : reads)
    if (best == nullptr || Distance(rate.threads, threads) < Distance(best->threads, threads))
      best = &rate;
  return best == nullptr ? 0 : best->bytes_per_s.max;
}

void MachineReport::AddReads(std::size_t threads, std::span<const double> rates) {
  for (ReadRate& rate : reads) {
    if (rate.threads != threads) continue;
    rate.samples.insert(rate.samples.end(), rates.begin(), rates.end());
    rate.bytes_per_s = Samples::Of(rate.samples);
  }
}

double MachineReport::OpsPerSecond(Arithmetic wanted, std::size_t threads) const {
  const ArithmeticRate* best = nullptr;
  for (const ArithmeticRate& rate : arithmetic) {
    if (rate.arithmetic != wanted) continue;
    const std::size_t distance = Distance(rate.threads, threads);
    const std::size_t best_distance = best == nullptr ? 0 : Distance(best->threads, threads);
    if (best == nullptr || distance < best_distance ||
        (distance == best_distance && rate.ops_per_s.max > best->ops_per_s.max))
      best = &rate;
  }
  return best == nullptr ? 0 : best->ops_per_s.max;
}

Result<MachineReport> MeasureMachine(const MeasureOptions& options) {
  for (const std::size_t count : options.threads)
    if (count < 1 || count > kMaxThreads)
      return Fail(Code::kInvalid, "threads: found {}, expected 1 to {}", count, kMaxThreads);
  return Measurer(options, DescribeComputer()).Run();
}

}  // namespace hadal::machine
