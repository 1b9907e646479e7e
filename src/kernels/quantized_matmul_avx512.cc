#include "kernels/integers_avx512.h"

#include "kernels/quantized_matmul_simd.inc"
