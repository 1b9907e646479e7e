#include "kernels/lanes_neon.h"

#include "kernels/swiglu_simd.inc"
