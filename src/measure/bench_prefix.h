// Figures of prompts that are gone on from a kept state (cache/prefix_cache.h).
#pragma once
#include <cstdint>

#include "measure/bench_session.h"

namespace hadal::measure {

enum class PrefixFill { kRead, kRandom };

// Adds the figure of a prompt of so many tokens, or the note why not. It is read, or has a random
// state of as many bytes: then there is no figure of reading it.
Status MeasurePrefix(BenchSession& session, std::uint64_t tokens, PrefixFill fill,
                     BenchReport& report);

}  // namespace hadal::measure
