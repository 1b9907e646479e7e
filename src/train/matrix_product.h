// Matrix products of strided matrices, the work of which training mostly consists.
//
//   c = alpha * a b + beta * d        a [m, k], b [k, n], c and d [m, n]
//
// Numbers  sums in float32 (float64 for double). kBf16 rounds the factors to BF16 while it packs
//          them; the result is not rounded. The order of a sum depends on k alone: neither on
//          threads nor on the rest of the matrix
// Caller   of both steps of a factor one is 1; c may be d, and overlaps neither factor. kBf16 only
//          where FastestProducts() is that
//
// Float32 and BF16 have code of their own (product_tile.h): it takes factors as they lie, either
// way round, and need not compute both halves of a symmetric product. Other types and processors
// get LibTorch's.
#pragma once
#include <cstdint>

namespace hadal::train {

enum class Products { kF32, kBf16 };

Products FastestProducts();  // of this machine

template <class T>
struct Matrix {
  const T* data;
  std::int64_t rows, cols, row_step, col_step;

  Matrix Turned() const { return {data, cols, rows, col_step, row_step}; }
};

// Rows one after another.
template <class T>
Matrix<T> Dense(const T* data, std::int64_t rows, std::int64_t cols) {
  return {data, rows, cols, cols, 1};
}

template <class T>
struct Product {
  Matrix<T> a, b;
  T* c;
  std::int64_t c_step;
  const T* d = nullptr;  // null: beta * d is zero
  std::int64_t d_step = 0;
  T alpha = 1, beta = 1;
  bool symmetric = false;  // c is known to be: [n, n], and d symmetric too
};

void Multiply(const Product<float>& product, Products products);
void Multiply(const Product<double>& product, Products products);

}  // namespace hadal::train
