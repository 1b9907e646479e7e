#include "kernels/lanes_neon.h"

#include "kernels/block_quant_simd.inc"
