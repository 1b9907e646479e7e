// Figures of prompts that are gone on from a kept state (cache/prefix_cache.h).
#pragma once
#include <cstdint>

#include "measure/bench_session.h"

namespace hadal::measure {

// Adds the figure of a prompt of so many tokens, or the note why not. It is really read, whatever
// options.random_fill says.
Status MeasurePrefix(BenchSession& session, std::uint64_t tokens, BenchReport& report);

}  // namespace hadal::measure
