// A sequence in the state that a long text could have left behind, without reading one.
//
// Every entry, index key and tail is drawn from a normal distribution, encoded as the forward pass
// would encode it: valid, different from each other, and as slow to read as real ones. Reaching a
// depth of a million tokens takes seconds. What comes after is arithmetic over noise: for
// measurements and tests of bit-identity, not for text.
#pragma once
#include <cstdint>

#include "arch/config.h"
#include "arch/numerics.h"
#include "base/threads.h"
#include "cache/sequence.h"

namespace hadal::cache {

// The sequence, empty so far, gets `tokens` tokens (the MTP block one less). A pure function of the
// seed. kExhausted as Reserve.
Status FillRandom(const arch::Config& config, const arch::Numerics& numerics, std::uint64_t tokens,
                  std::uint64_t seed, Threads& threads, Sequence* sequence);

}  // namespace hadal::cache
