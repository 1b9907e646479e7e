#include "kernels/lanes_neon.h"

#include "kernels/rms_norm_simd.inc"
