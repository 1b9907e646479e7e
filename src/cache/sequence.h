// One sequence's state: a fixed block of its own, and pages, of which it may share the full ones.
//
// A page is full when the sequence has passed its 128 tokens; from then on nobody writes to it, so that
// it can belong to any number of sequences. The pages behind it are the sequence's own. A Sequence moves,
// grows, forks and goes away as one. Not for use from two threads at once; two sequences that share pages
// may be used from two threads.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "cache/pool.h"
#include "model/sequence_state.h"

namespace hadal::cache {

inline constexpr std::uint64_t kMostTokens = std::uint64_t{1} << 40;  // of a sequence

class Sequence {
 public:
  // Empty. kExhausted as of Pool.
  static Result<Sequence> Create(std::shared_ptr<Pool> pool);
  // The same from an unlimited pool of its own.
  static Result<Sequence> Create(const arch::KvLayout& layout);

  // Makes room for `tokens` more; must come before a Forward::Run that adds them.
  // kExhausted: the sequence is unchanged.
  Status Reserve(std::size_t tokens);

  // Another sequence in the same state. Full pages are shared, the rest is copied. kExhausted.
  Result<Sequence> Fork() const;

  model::SequenceState& state() { return state_; }
  const model::SequenceState& state() const { return state_; }
  std::uint64_t tokens() const { return state_.tokens; }
  const Pool& pool() const { return *pool_; }
  std::size_t full_pages() const { return state_.tokens / arch::kPageTokens; }
  std::size_t bytes() const;  // of all its blocks, also the shared ones

 private:
  Sequence(std::shared_ptr<Pool> pool, BlockRef fixed);
  Status ListPages(
      std::size_t count);  // room for so many in the lists below: Push then never fails
  void Push(BlockRef page);
  void KeepPages(std::size_t count);

  std::shared_ptr<Pool> pool_;
  BlockRef fixed_;
  std::vector<BlockRef> pages_;
  std::vector<std::byte*> page_data_;
  model::SequenceState state_;
};

}  // namespace hadal::cache
