#include "kernels/lanes_avx512.h"

#include "kernels/matmul_simd.inc"
