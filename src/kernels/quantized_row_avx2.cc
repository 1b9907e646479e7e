#include "kernels/integers_avx2.h"

#include "kernels/quantized_row_simd.inc"
