#include "kernels/lanes_avx2.h"

#include "kernels/swiglu_simd.inc"
