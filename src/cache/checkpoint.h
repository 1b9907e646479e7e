// A sequence's state at a page's end, kept to begin from again: what a cache of prefixes is made
// of.
//
// It holds a copy of the fixed block and the pages up to there, which it shares. Both count in the
// pool's budget as long as the checkpoint lives, the pages once however many hold them.
//
// A restored sequence is in the state that was taken, the MTP block's window and count with it, and
// can go back as far as the one it was taken from could. That matters to the MTP block, whose last
// position was made of the first token behind the page: a text that goes on otherwise restores,
// goes back by one with Truncate(tokens - 1, tokens - 1) and reads the page's last token again, so
// that Forward has its streams.
#pragma once
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/result.h"
#include "cache/sequence.h"

namespace hadal::cache {

class Checkpoint {
 public:
  // kInvalid: the sequence is not at a page's end. kExhausted: no memory for the fixed block.
  static Result<Checkpoint> Take(const Sequence& sequence);

  // As often as wanted, also from several threads at once. kExhausted as Take.
  Result<Sequence> Restore() const { return held_.Fork(); }

  std::uint64_t tokens() const { return held_.tokens(); }
  const model::SequenceState& state() const { return held_.state(); }
  std::size_t bytes() const { return held_.bytes(); }  // of all its blocks, also the shared ones

 private:
  explicit Checkpoint(Sequence held) : held_(std::move(held)) {}
  Sequence held_;  // nobody continues it
};

}  // namespace hadal::cache
