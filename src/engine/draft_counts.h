// How many guesses were tried, and how many of them were right, by their place behind the last
// token.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "arch/kv_layout.h"

namespace hadal::engine {

struct DraftCounts {
  std::uint64_t drafts = 0;               // passes of a text that tried any
  std::uint64_t tried = 0, accepted = 0;  // guesses
  // [i]: of those, the (i + 1)-th of their pass.
  std::array<std::uint64_t, arch::kReturnTokens> tried_at = {}, accepted_at = {};

  // One text's pass.
  void Count(std::size_t tried_now, std::size_t accepted_now) {
    if (tried_now > 0) ++drafts;
    tried += tried_now;
    accepted += accepted_now;
    for (std::size_t i = 0; i < tried_now; ++i) ++tried_at[i];
    for (std::size_t i = 0; i < accepted_now; ++i) ++accepted_at[i];
  }
  DraftCounts& operator+=(const DraftCounts& other) {
    drafts += other.drafts;
    tried += other.tried;
    accepted += other.accepted;
    for (std::size_t i = 0; i < tried_at.size(); ++i) {
      tried_at[i] += other.tried_at[i];
      accepted_at[i] += other.accepted_at[i];
    }
    return *this;
  }
};

}  // namespace hadal::engine
