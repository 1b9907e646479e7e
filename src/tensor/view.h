// Views: a pointer and a shape, row-major, owning nothing. The owner of the memory outlives them.
#pragma once
#include <cstddef>
#include <span>
#include <type_traits>

#include "base/check.h"

namespace hadal {

// [rows, cols], rows `stride` elements apart.
template <class T>
class View2 {
 public:
  View2() = default;
  View2(T* data, std::size_t rows, std::size_t cols) : View2(data, rows, cols, cols) {}
  View2(T* data, std::size_t rows, std::size_t cols, std::size_t stride)
      : data_(data), rows_(rows), cols_(cols), stride_(stride) {
    HADAL_CHECK(stride >= cols || rows <= 1);
  }
  template <class U>
  requires(std::is_same_v<T, const U>)
      View2(View2<U> other)  // NOLINT(google-explicit-constructor): a mutable view is a const view
      : View2(other.data(), other.rows(), other.cols(), other.stride()) {}

  T* data() const { return data_; }
  std::size_t rows() const { return rows_; }
  std::size_t cols() const { return cols_; }
  std::size_t stride() const { return stride_; }
  std::span<T> operator[](std::size_t row) const {
    HADAL_CHECK(row < rows_);
    return {data_ + row * stride_, cols_};
  }
  View2 Rows(std::size_t begin, std::size_t count) const {
    HADAL_CHECK(begin <= rows_ && count <= rows_ - begin);
    return {data_ + begin * stride_, count, cols_, stride_};
  }
  View2 Cols(std::size_t begin, std::size_t count) const {
    HADAL_CHECK(begin <= cols_ && count <= cols_ - begin);
    return {data_ + begin, rows_, count, stride_};
  }

 private:
  T* data_ = nullptr;
  std::size_t rows_ = 0, cols_ = 0, stride_ = 0;
};

}  // namespace hadal
