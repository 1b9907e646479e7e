// The work of `hadal bench`: speed and memory of a model on this machine.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/model_files.h"
#include "measure/bench_figures.h"

namespace hadal::measure {

inline constexpr std::uint64_t kBenchDepths[] = {0, 4096, 32768, 131072, 524288, 1048576};

struct BenchOptions {
  std::string model = {};                            // a checkpoint; empty: the embedded one
  std::vector<std::uint64_t> prefill = {512, 2048};  // tokens
  std::vector<std::uint64_t> prefill_depth = {0};    // after so many others
  std::vector<std::uint64_t> prefix = {};            // prompts that are read, and gone on from
  std::vector<std::uint64_t> prefix_random = {};     // the same with random states: not read
  std::string prefix_folder = {};  // where their states are written, and read again; empty: nowhere
  // Of decoding; empty: those of kBenchDepths that the model's context holds.
  std::vector<std::uint64_t> depth = {};
  std::vector<std::uint64_t> threads = {};  // empty: one for each core
  std::vector<std::uint64_t> batch = {1};
  bool random_fill = true;
  std::size_t repeat = 5;
  std::uint64_t chunk_tokens = 512;
  double sample_seconds = 0.5;  // of decoding, at least; a sample is one token at least
  bool quick = false;           // also for the machine's own figures
  bool beyond = false;          // contexts longer than the model's are measured, and said so
  std::optional<std::uint64_t> ram_bytes =
      {};  // what does not fit is left out and said; none: what is free
  engine::ExpertsFrom experts = engine::ExpertsFrom::kMapped;
  std::string experts_profile = {};  // a file, to begin with and to keep; empty: none
  // While weights are read into memory. May be empty.
  std::function<void(std::uint64_t done_bytes, std::uint64_t all_bytes)> on_reading = {};
  const std::atomic<bool>* cancel = nullptr;
  // A line about what of the checkpoint is passed over. May be empty.
  std::function<void(std::string_view)> on_note = {};
};

// kInvalid: a context longer than the model's, without `beyond`. kCancelled. Settings whose memory
// does not fit are left out, with a note that says what they would need.
Result<BenchReport> RunBench(const BenchOptions& options,
                             const std::function<void(const std::string&)>& on_step);

}  // namespace hadal::measure
