#include "kernels/lanes_neon.h"

#include "kernels/matmul_simd.inc"
