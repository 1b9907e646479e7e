#include "kernels/lanes_avx512.h"

#include "kernels/block_quant_simd.inc"
