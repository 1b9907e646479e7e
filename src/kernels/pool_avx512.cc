#include "kernels/lanes_avx512.h"

#include "kernels/pool_simd.inc"
