#include "kernels/lanes_neon.h"

#include "kernels/hadamard_simd.inc"
