#include "kernels/integers_neon.h"

#include "kernels/quantized_row_simd.inc"
