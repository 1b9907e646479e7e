#include "kernels/lanes_avx512.h"

#include "kernels/swiglu_simd.inc"
