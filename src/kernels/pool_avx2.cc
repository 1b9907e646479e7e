#include "kernels/lanes_avx2.h"

#include "kernels/pool_simd.inc"
