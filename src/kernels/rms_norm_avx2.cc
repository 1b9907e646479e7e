#include "kernels/lanes_avx2.h"

#include "kernels/rms_norm_simd.inc"
