#include "kernels/lanes_avx2.h"

#include "kernels/matmul_simd.inc"
