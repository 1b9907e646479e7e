#include "kernels/integers_neon.h"

#include "kernels/quantized_matmul_simd.inc"
