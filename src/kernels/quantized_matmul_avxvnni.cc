#include "kernels/integers_avx2.h"

#include "kernels/quantized_matmul_simd.inc"
