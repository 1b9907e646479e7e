// Random checkpoints in the published format, of any shape: for measurements, where only shapes,
// bytes and sensible magnitudes matter.
//
// Every number is a pure function of the seed, the tensor's name and its place, so the files are
// the same for any number of threads, and a tensor is never whole in memory. Matrices have a
// standard deviation of about 1 / sqrt(cols), FP8 and FP4 ones with block scales that differ by
// powers of two; norms are near 1. So activations stay near 1, routing and selection spread out.
// There is no tokenizer. config.json notes seed and skew (arch/synthetic.h).
#pragma once
#include <cstdint>
#include <string>

#include "arch/config.h"
#include "base/result.h"
#include "base/threads.h"
#include "convert/write_checkpoint.h"

namespace hadal::convert {

struct SynthOptions {
  std::uint64_t seed = 1;
  double skew = 0;  // of the choice of experts (expert_skew.h), to ExpertSkew::kMost; 0: about even
  WriteOptions write = {};
};

// Writes config.json and weights to the folder `out`, as write_checkpoint.h. kInvalid: rows of
// experts that are not a multiple of 32.
Result<CheckpointReport> WriteRandomCheckpoint(const arch::Config& config, const std::string& out,
                                               const SynthOptions& options, Threads& threads);

}  // namespace hadal::convert
