// Sequences in random states of a small model, and their comparison: tests only.
#pragma once
#include <cstring>
#include <memory>

#include "base/threads.h"
#include "cache/random_state.h"
#include "cache/sequence.h"
#include "cache/small_shape_test.h"

namespace hadal::cache {

inline arch::Config SmallConfig() {
  return arch::ChangeShape(SmallShape(), {.layers = 4, .mtp = true}).value();
}

inline arch::KvLayout Layout() { return {SmallConfig(), arch::Numerics::Stored()}; }

inline Sequence Filled(const std::shared_ptr<Pool>& pool, std::uint64_t tokens,
                       std::uint64_t seed = 1) {
  Threads threads(2);
  Sequence sequence = Sequence::Create(pool).value();
  HADAL_CHECK(
      FillRandom(SmallConfig(), arch::Numerics::Stored(), tokens, seed, threads, &sequence).ok());
  return sequence;
}

inline bool SameState(const Sequence& a, const Sequence& b) {
  const model::SequenceState &x = a.state(), &y = b.state();
  if (x.tokens != y.tokens || x.mtp_tokens != y.mtp_tokens) return false;
  if (std::memcmp(x.fixed.data(), y.fixed.data(), x.fixed.size()) != 0) return false;
  for (std::size_t p = 0; p < arch::PagesOf(x.tokens); ++p)
    if (std::memcmp(x.pages[p], y.pages[p], a.pool().layout().page_bytes) != 0) return false;
  return true;
}

}  // namespace hadal::cache
