// The normalised Walsh-Hadamard transform of one row, Sylvester order, in place.
//
//   y[i] = n^-1/2 sum_j (-1)^popcount(i & j) x[j]        n = x.size()
//
//   x  [n]  f32  read and replaced; n a power of two, at most 1024
//
// Numbers  f32 butterflies in a fixed order, scaled once at the end: the same bits everywhere.
// Error    (log2 n + 2) * 2^-23 * max |y|.
// Source   DeepSeek-V4 inference/model.py, rotate_activation.
#pragma once
#include <cstddef>
#include <span>

#include "base/threads.h"
#include "tensor/view.h"

namespace hadal::kernels {

void Hadamard(std::span<float> x);
// Every head of every row by itself: x [rows, heads * n].
void Hadamard(View2<float> x, std::size_t n, Threads& threads);

namespace ref {  // the sum as it stands, in f64, rounded once
void Hadamard(std::span<float> x);
}

}  // namespace hadal::kernels
