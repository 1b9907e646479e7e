#include "kernels/lanes_avx2.h"

#include "kernels/block_quant_simd.inc"
