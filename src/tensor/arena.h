// Arena: scratch memory out of one allocation, taken and given back in order, like a stack.
//
//   Arena::Scope scope(arena);                             // all that it gave goes back with it
//   const View2<float> y = scope.Take<float>(rows, cols);  // 64-byte aligned, uninitialised
//
// A function that returns a view takes it from its caller's scope, then opens a scope of its own
// for what only itself needs. Taking is possible from the newest open scope alone, and never beyond
// the arena's size (HADAL_CHECK both): how much a computation needs is known beforehand, as a sum
// and maximum of Arena::BytesOf. One thread at a time. The arena stays where it is while a scope is
// open.
#pragma once
#include <algorithm>
#include <cstddef>
#include <span>
#include <type_traits>

#include "base/result.h"
#include "tensor/buffer.h"
#include "tensor/view.h"

namespace hadal {

class Arena {
 public:
  class Scope;

  // kExhausted: the system does not give so much.
  static Result<Arena> Create(std::size_t bytes);

  // What Take<T>(rows, cols) takes.
  template <class T>
  static constexpr std::size_t BytesOf(std::size_t rows, std::size_t cols = 1) {
    return (rows * cols * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
  }

  std::size_t bytes() const { return memory_.size(); }
  std::size_t peak_bytes() const { return peak_; }  // the most that was taken at once

 private:
  static constexpr std::size_t kAlignment = 64;
  explicit Arena(Buffer<std::byte> memory) : memory_(std::move(memory)) {}

  Buffer<std::byte> memory_;
  std::size_t used_ = 0, peak_ = 0;
  const Scope* newest_ = nullptr;
};

class Arena::Scope {
 public:
  explicit Scope(Arena& arena) : arena_(arena), outer_(arena.newest_), begin_(arena.used_) {
    arena_.newest_ = this;
  }
  ~Scope() {
    HADAL_CHECK(arena_.newest_ == this);
    arena_.newest_ = outer_;
    arena_.used_ = begin_;
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  Arena& arena() const { return arena_; }

  template <class T>
  View2<T> Take(std::size_t rows, std::size_t cols) {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= kAlignment);
    return {reinterpret_cast<T*>(TakeBytes(BytesOf<T>(rows, cols))), rows, cols};
  }
  template <class T>
  std::span<T> Take(std::size_t count) {
    return {Take<T>(1, count).data(), count};
  }

 private:
  std::byte* TakeBytes(std::size_t bytes) {
    HADAL_CHECK(arena_.newest_ == this && bytes <= arena_.memory_.size() - arena_.used_);
    std::byte* data = arena_.memory_.data() + arena_.used_;
    arena_.used_ += bytes;
    arena_.peak_ = std::max(arena_.peak_, arena_.used_);
    return data;
  }

  Arena& arena_;
  const Scope* outer_;
  std::size_t begin_;
};

}  // namespace hadal
