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
#include <span>

namespace hadal::kernels {

void Hadamard(std::span<float> x);

namespace ref {  // the sum as it stands, in f64, rounded once
void Hadamard(std::span<float> x);
}

}  // namespace hadal::kernels
