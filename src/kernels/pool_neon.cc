#include "kernels/lanes_neon.h"

#include "kernels/pool_simd.inc"
