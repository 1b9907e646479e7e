// The memory of sequences: pages from a pool, and one fixed block each.
//
// A Sequence owns all of one sequence's state and moves, grows and goes away as one. Not for use from
// two threads at once.
#pragma once
#include <cstddef>
#include <memory>
#include <vector>

#include "base/result.h"
#include "model/forward.h"
#include "tensor/buffer.h"

namespace hadal::cache {

class Sequence {
 public:
  explicit Sequence(const model::KvLayout& layout);  // empty

  // Makes room for `tokens` more; must come before a Forward::Run that adds them.
  // kExhausted: out of memory; the sequence is unchanged.
  Status Reserve(std::size_t tokens);
  model::SequenceState& state() { return state_; }
  std::uint64_t tokens() const { return state_.tokens; }
  std::size_t bytes() const;  // allocated now

 private:
  std::size_t page_bytes_;
  Buffer<std::byte> fixed_;
  std::vector<Buffer<std::byte>> pages_;
  std::vector<std::byte*> page_data_;
  model::SequenceState state_;
};

}  // namespace hadal::cache
