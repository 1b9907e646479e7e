#include "kernels/lanes_avx512.h"

#include "kernels/rms_norm_simd.inc"
