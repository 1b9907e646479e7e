// One sequence's state: a fixed block of its own, and pages, of which it may share the full ones.
//
// A page is full when the sequence has passed its 128 tokens; from then on nobody writes to it, so
// that it can belong to any number of sequences. The pages behind it are the sequence's own. A
// Sequence moves, grows, goes back, forks and goes away as one. Not for use from two threads at
// once; two sequences that share pages may be used from two threads.
//
// Going back needs no record of what was written. Windows and tails are rings that hold as many
// rows more as a sequence may go back (arch/kv_layout.h), entries and index keys behind the last
// token are never read, and reading other tokens writes over both. A full page into which a
// sequence goes back is under way again: if others share it, the sequence gets a copy.
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

struct Progress {  // tokens that the layers and the MTP block have processed
  std::uint64_t tokens = 0, mtp_tokens = 0;
};

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

  // Back to the state after the first `tokens`, bit for bit as if no other had been read. Pages
  // behind it are given back, reserved ones too. The MTP block keeps at most mtp_tokens positions.
  // Its position p is made of token p + 1 too: `tokens` is right if the token that comes next is
  // the one that came, and `tokens` - 1, as without mtp_tokens, if another may come.
  // kInvalid: before earliest(), or more than there are. kExhausted: no memory for the copy of a
  // shared page. The sequence is unchanged then.
  Status Truncate(std::uint64_t tokens);
  Status Truncate(std::uint64_t tokens, std::uint64_t mtp_tokens);
  // Back to `tokens`, which a text that goes on otherwise has in common, less one where the MTP
  // block has an entry of it: that one was made of the token behind. Where the block cannot go back
  // as far, its part is as of a sequence that it has not followed: who guesses with it goes on
  // behind the gap. As Truncate.
  Status BranchAt(std::uint64_t tokens);
  // How far Truncate can go: kReturnTokens back from the farthest that the sequence has been, the
  // MTP block one more; to the beginning where pages are all there is (KvLayout::forgets). Forks,
  // checkpoints and snapshots can go back as far as what they were made from.
  Progress earliest() const;
  // For who restores a state: as earliest() said when it was kept.
  void set_earliest(Progress earliest) { earliest_ = earliest; }

  model::SequenceState& state() { return state_; }
  const model::SequenceState& state() const { return state_; }
  std::uint64_t tokens() const { return state_.tokens; }
  const Pool& pool() const { return *pool_; }
  std::size_t full_pages() const { return state_.tokens / arch::kPageTokens; }
  std::size_t bytes() const;      // of all its blocks, also the shared ones
  std::size_t own_bytes() const;  // that nobody else holds: what its end would give back

 private:
  Sequence(std::shared_ptr<Pool> pool, BlockRef fixed);
  Status ListPages(
      std::size_t count);  // room for so many in the lists below: Push then never fails
  void Push(BlockRef page);
  void KeepPages(std::size_t count);
  Status OwnPage(std::size_t index);  // a copy in its place if others hold it too

  std::shared_ptr<Pool> pool_;
  BlockRef fixed_;
  std::vector<BlockRef> pages_;
  std::vector<std::byte*> page_data_;
  model::SequenceState state_;
  Progress earliest_;  // as of the last Truncate
};

}  // namespace hadal::cache
