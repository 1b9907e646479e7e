// Random checkpoints in the published format, of any shape: for measurements, where only shapes,
// bytes and sensible magnitudes matter.
//
// Every number is a pure function of the seed, the tensor's name and its place, so the files are
// the same for any number of threads, and a tensor is never whole in memory. Matrices have a
// standard deviation of about 1 / sqrt(cols), FP8 and FP4 ones with block scales that differ by
// powers of two; norms are near 1. So activations stay near 1, routing and selection spread out.
// There is no tokenizer.
#pragma once
#include <cstdint>
#include <string>

#include "arch/config.h"
#include "base/result.h"
#include "base/threads.h"

namespace hadal::convert {

struct SynthOptions {
  std::uint64_t seed = 1;
  bool replace = false;                       // an existing model at `out`
  bool quiet = false;                         // no progress line
  std::uint64_t shard_bytes = 5'000'000'000;  // more than this is cut into several files
};

struct SynthReport {
  std::uint64_t tensors = 0, files = 0, bytes = 0;
};

// Writes config.json and weights to the folder `out`, which appears whole or not at all.
// kInvalid: `out` is not empty and `replace` is not given; rows of experts that are not a multiple
// of
// 32. kExhausted: the disk has too little room.
Result<SynthReport> WriteRandomCheckpoint(const arch::Config& config, const std::string& out,
                                          const SynthOptions& options, Threads& threads);

}  // namespace hadal::convert
