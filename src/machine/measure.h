// What this machine can do, measured: reading memory, arithmetic, reading the disk. What benchmarks
// and predictions divide by.
//
// A figure is the median of several samples, with the smallest and the largest beside it: other
// processes take their share, and a virtual machine does not say what it gives. Rates are of all
// threads together. A read is of a buffer far larger than the caches, from start to end, each
// thread its own part. Arithmetic runs in registers alone.
//
//   HADAL_TRY(const MachineReport report, MeasureMachine({.quick = true}));
//   report.ReadBytesPerSecond(2);
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/read_queue.h"
#include "kernels/products.h"
#include "machine/features.h"

namespace hadal::machine {

struct Samples {
  double median = 0, min = 0, max = 0;
  static Samples Of(std::vector<double> values);  // at least one
};

using kernels::Arithmetic;
using kernels::ArithmeticName;

struct ReadRate {
  std::size_t threads = 0;
  Samples bytes_per_s;
  std::vector<double> samples = {};  // what bytes_per_s is of
};

struct ArithmeticRate {
  Arithmetic arithmetic = Arithmetic::kF32Fma;
  std::string instruction;  // "avx512 vfmadd", "avx2 vpmaddubsw"
  std::size_t threads = 0;
  Samples ops_per_s;  // multiplications and additions
};

struct DiskTrial {
  io::ReadTuning tuning;
  std::string backend;  // "io_uring", "threads"
  double bytes_per_s = 0;
};
// The one with the least under way of those that are as fast as the fastest. At least one.
const DiskTrial& BestTrial(const std::vector<DiskTrial>& trials);

struct DiskRate {
  std::string folder;
  std::uint64_t bytes = 0;             // of the file that was read
  bool direct = false;                 // past the page cache
  DiskTrial best = {};                 // over the whole file
  std::vector<DiskTrial> trials = {};  // over parts of it
};

struct MachineReport {
  Computer computer;
  std::uint64_t buffer_bytes = 0;
  std::vector<ReadRate> reads;             // ascending threads
  std::vector<ArithmeticRate> arithmetic;  // every instruction that kernels may use here
  std::optional<DiskRate> disk = {};
  double seconds = 0;  // that measuring took

  // The limit: the largest sample (other load only lowers one), at the measured number of threads
  // that is nearest to `threads`, of the fastest instruction; 0: nothing of the kind was measured.
  double ReadBytesPerSecond(std::size_t threads) const;
  double OpsPerSecond(Arithmetic wanted, std::size_t threads) const;

  // More samples of reading with so many threads, from another time.
  void AddReads(std::size_t threads, std::span<const double> rates);
};

struct MeasureOptions {
  bool quick = false;  // fewer and shorter samples, a smaller buffer: a second or two
  std::vector<std::size_t> threads = {};  // empty: 1, 2, 4, ... and all
  std::uint64_t buffer_bytes = 0;  // 0: 4 GB or a quarter of the free memory, quick an eighth of it
  bool arithmetic = true;
  std::optional<std::string> disk_folder =
      {};                        // where to write, read and remove a file; none: no disk
  std::uint64_t disk_bytes = 0;  // 0: 1 GiB, quick 64 MiB; as much memory, but at most 256 MiB
  std::function<void(std::size_t done, std::size_t total)> on_progress = {};  // samples
};

// kInvalid: a number of threads that makes no sense. kExhausted: no memory for the buffer, no room
// on the disk. kIo, kNotFound: the disk's folder.
Result<MachineReport> MeasureMachine(const MeasureOptions& options);

// Reads of a file of `bytes` random bytes in `folder`, with several numbers of reads under way and
// several sizes of them.
Result<DiskRate> MeasureDisk(const std::string& folder, std::uint64_t bytes);

}  // namespace hadal::machine
