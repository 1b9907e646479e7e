// Figures of reading prompts, at several depths of one session.
#pragma once
#include <cstdint>
#include <optional>

#include "cache/sequence.h"
#include "measure/bench_session.h"

namespace hadal::measure {

// A machine that others share is faster in one minute than in the next: what figures are compared
// with is sampled in turns with them. So the text of the first depth is kept while there are
// others.
class PrefillBench {
 public:
  PrefillBench(BenchSession& session, BenchReport& report) : session_(session), report_(report) {}

  // Adds a figure for each of options.prefill behind so many tokens, or the note why not.
  Status Measure(std::uint64_t depth);

 private:
  Status MeasureOne(const cache::Sequence& prefix, std::uint64_t depth, std::uint64_t start,
                    std::uint64_t count);
  double BytesToRead(std::uint64_t count);

  BenchSession& session_;
  BenchReport& report_;
  std::optional<cache::Sequence> first_;
};

}  // namespace hadal::measure
