// The memory that sequences are made of, with a limit.
//
// A Block is one page of compressed entries, or the fixed part of one sequence (arch/kv_layout.h).
// Blocks are shared by reference; the last owner gives the memory back to the system and to the
// pool's budget. Blocks keep their pool's budget alive, not the Pool. Any thread may take and drop
// blocks; one changes the limit.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>

#include "arch/kv_layout.h"
#include "base/result.h"
#include "tensor/buffer.h"

namespace hadal::cache {

class Block;
using BlockRef = std::shared_ptr<Block>;

class Pool {
 public:
  static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();
  explicit Pool(arch::KvLayout layout, std::uint64_t budget_bytes = kUnlimited);

  const arch::KvLayout& layout() const { return layout_; }
  std::uint64_t budget_bytes() const { return budget_->limit.load(); }
  // No less than is used.
  void set_budget_bytes(std::uint64_t bytes) { budget_->limit = bytes; }
  std::uint64_t used_bytes() const { return budget_->used.load(); }  // of blocks; shared ones once

  // Uninitialised. kExhausted: the budget, or the system's memory, does not suffice.
  Result<BlockRef> TakePage() { return Take(layout_.page_bytes); }
  Result<BlockRef> TakeFixed() { return Take(layout_.fixed_bytes); }

 private:
  friend class Block;
  struct Budget {
    std::atomic<std::uint64_t> limit{kUnlimited}, used{0};
  };
  Result<BlockRef> Take(std::size_t bytes);

  arch::KvLayout layout_;
  std::shared_ptr<Budget> budget_;
};

class Block {
 public:
  ~Block() { budget_->used -= charged_; }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  std::span<std::byte> bytes() const { return data_.span(); }

 private:
  friend class Pool;
  explicit Block(std::shared_ptr<Pool::Budget> budget) : budget_(std::move(budget)) {}
  // Once. Returns what the budget's blocks hold with it.
  std::uint64_t Charge(std::size_t bytes) {
    charged_ = bytes;
    return budget_->used.fetch_add(bytes) + bytes;
  }
  Buffer<std::byte> data_;
  std::size_t charged_ = 0;
  std::shared_ptr<Pool::Budget> budget_;
};

// Whether nobody else holds it; what others have read of it, they have then read before.
template <class T>
bool HeldOnce(const std::shared_ptr<T>& of) {
  if (of.use_count() != 1) return false;
  // use_count reads the counter without ordering; letting go of a second reference orders this
  // thread behind those that let go of theirs.
  std::shared_ptr<T>(of).reset();
  return true;
}

}  // namespace hadal::cache
