// Figures of decoding, at several depths and batches of one session.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "cache/sequence.h"
#include "measure/bench_session.h"

namespace hadal::measure {

// As PrefillBench keeps the first text, this keeps the first sequences: later figures are sampled
// in turns with theirs.
class DecodeBench {
 public:
  DecodeBench(BenchSession& session, BenchReport& report) : session_(session), report_(report) {}

  // Adds the figure of `batch` sequences of so many tokens, or the note why not.
  Status Measure(std::uint64_t depth, std::uint64_t batch);

 private:
  struct Samples {
    std::vector<double> rates, reads, times_first;  // tokens/s; bytes/s around; of the first's
    std::optional<ExpertTraffic> experts = {};
  };
  using Sequences = std::vector<cache::Sequence>;

  Result<Sequences> Fill(std::uint64_t start, std::uint64_t batch);
  Result<std::size_t> StepsOfASample(Sequences& sequences);
  Result<Samples> Sample(Sequences& sequences, std::size_t steps);
  Result<double> FirstRate();  // the first figure's tokens/s now
  void Add(std::uint64_t depth, const Sequences& sequences, Samples samples);

  BenchSession& session_;
  BenchReport& report_;
  Sequences first_;
  std::size_t first_steps_ = 0;
  std::uint64_t state_rss_ = 0;  // by how much the process grew for the last sequences
};

}  // namespace hadal::measure
