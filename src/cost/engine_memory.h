// What the engine allocates for a model, by component: the allocator's own layout
// (arch/kv_layout.h) and scratch (model/forward.h), added up without allocating. Tests compare it
// with cache::Sequence::bytes and Forward::scratch_bytes.
//
// Pages are whole: a sequence of N tokens holds ceil(N / 128) of them, so its compressed entries
// may be up to 127 tokens ahead of KvBytes. Windows and tails are rings with room for going back,
// which the published formats do not know and KvBytes does not count.
#pragma once
#include <cstdint>

#include "arch/config.h"
#include "arch/kv_layout.h"

namespace hadal::cost {

struct StateBytes {  // of one sequence
  std::uint64_t window = 0, csa = 0, index_keys = 0, hca = 0, tails = 0;
  std::uint64_t latent = 0;  // V3.2's entries
  std::uint64_t mtp_window = 0;
  std::uint64_t returning = 0;  // what windows and tails keep for going back (arch::kReturnTokens)
  std::uint64_t padding = 0;    // alignment between the above
  std::uint64_t total() const {
    return window + csa + index_keys + hca + tails + latent + mtp_window + returning + padding;
  }
  StateBytes& operator+=(const StateBytes& other);
};
StateBytes AllocatedState(const arch::Config& config, const arch::KvLayout& layout,
                          std::uint64_t tokens);

// Of one Forward for up to max_tokens rows on `threads` threads.
std::uint64_t ScratchBytes(const arch::Config& config, const arch::KvLayout& layout,
                           std::size_t max_tokens, std::size_t threads);

}  // namespace hadal::cost
