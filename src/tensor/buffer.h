// Buffer<T>: uninitialised, 64-byte aligned memory for trivially copyable elements. Move-only.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>

#include "base/check.h"
#include "tensor/view.h"

namespace hadal {

// At least 64 bytes, 64-byte aligned; above some megabytes in large pages where the system has
// them. Freed by std::free. Null, or std::bad_alloc thrown, if the system does not give so much.
void* TryAllocateBuffer(std::size_t bytes);
void* AllocateBuffer(std::size_t bytes);

template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Buffer() = default;
  // Throws std::bad_alloc: sizes that come from outside are checked against a budget first.
  explicit Buffer(std::size_t count) : count_(count) {
    HADAL_CHECK(count <= std::numeric_limits<std::size_t>::max() / sizeof(T) - 64);
    data_.reset(static_cast<T*>(AllocateBuffer(count * sizeof(T))));
  }

  // None: the system does not give so much.
  static std::optional<Buffer> TryCreate(std::size_t count) {
    if (count > std::numeric_limits<std::size_t>::max() / sizeof(T) - 64) return std::nullopt;
    Buffer buffer;
    buffer.data_.reset(static_cast<T*>(TryAllocateBuffer(count * sizeof(T))));
    if (buffer.data_ == nullptr) return std::nullopt;
    buffer.count_ = count;
    return buffer;
  }

  T* data() const { return data_.get(); }
  std::size_t size() const { return count_; }
  std::span<T> span() const { return {data_.get(), count_}; }
  T& operator[](std::size_t i) const { return data_.get()[i]; }
  View2<T> As(std::size_t rows, std::size_t cols) const {
    HADAL_CHECK(rows * cols <= count_);
    return {data_.get(), rows, cols};
  }

 private:
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  std::unique_ptr<T, Free> data_;
  std::size_t count_ = 0;
};

}  // namespace hadal
