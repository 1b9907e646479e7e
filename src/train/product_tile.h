// The machine code under matrix_product.h: tiles of sums and the packing of factors, for one
// arithmetic and one instruction set each.
//
// Factors consist of units along k, 32 bits each, kept in a float: one float32, or two BF16 of
// neighbouring k, of which an odd last one has a zero beside it. A panel of the right factor is
// [units][columns], its columns past the matrix zero. The left factor is addressed by two steps, so
// that rows that lie well need not be moved.
//
// Included by *_avx2.cc, *_avx512.cc and *_avx512bf16.cc: declarations only.
#pragma once
#include <cstdint>

namespace hadal::train {

// c = alpha * a b + beta * d, for at most a tile of c.
struct TileArgs {
  std::int64_t units;
  const float* a;  // unit k of a row is a[row * a_row_step + k * a_unit_step]
  std::int64_t a_row_step, a_unit_step;
  const float* b;        // a panel
  std::int64_t columns;  // of c and d
  float* c;
  std::int64_t c_step;
  const float* d;  // may be null
  std::int64_t d_step;
  float alpha, beta;
};

struct TileKernels {
  std::int64_t rows, columns;  // of a tile
  std::int64_t unit_values;    // 1 or 2
  std::int64_t k_block;        // values of k at a time, so that a panel stays in the nearest cache
  void (*const* tile)(const TileArgs& args);  // tile[n - 1] is for n rows
  // Units of rows whose values are neighbours. Null: float32 is taken as it lies.
  void (*convert)(const float* x, std::int64_t rows, std::int64_t values, std::int64_t row_step,
                  float* out);
  // out[unit][width]: lane l < lanes from x[k * k_step + l], the others zero.
  void (*pack)(const float* x, std::int64_t values, std::int64_t k_step, std::int64_t lanes,
               std::int64_t width, float* out);
  // A panel: lane l < lanes from x[l * lane_step + k], the others zero.
  void (*pack_turned)(const float* x, std::int64_t values, std::int64_t lane_step,
                      std::int64_t lanes, float* out);
  // c[i][j] = c[j][i] for all j > i of [n, n].
  void (*mirror)(float* c, std::int64_t n, std::int64_t step);
};

// Of this processor; null where there are none.
const TileKernels* F32Tiles();
const TileKernels* Bf16Tiles();

namespace avx2 {
const TileKernels& F32Tiles();
}
namespace avx512 {
const TileKernels& F32Tiles();
}
namespace avx512bf16 {
const TileKernels& Bf16Tiles();
}

}  // namespace hadal::train
