#include "kernels/integers_avx512.h"

#include "kernels/quantized_row_simd.inc"
