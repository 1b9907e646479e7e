// The normalised Walsh-Hadamard transform of one row, Sylvester order, in place.
//
//   y[i] = n^-1/2 sum_j (-1)^popcount(i & j) x[j]        n = x.size(), a power of two, <= 1024
//
// Numbers  f32 butterflies in a fixed order, scaled once at the end. Error <= (log2 n + 2) ulp of max|y|.
// Source   DeepSeek-V4 inference/model.py, rotate_activation.
#pragma once
#include <span>

namespace hadal::kernels {
void Hadamard(std::span<float> x);
}  // namespace hadal::kernels
