#include "kernels/lanes_avx2.h"

#include "kernels/hadamard_simd.inc"
