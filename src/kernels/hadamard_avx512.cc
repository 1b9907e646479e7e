#include "kernels/lanes_avx512.h"

#include "kernels/hadamard_simd.inc"
