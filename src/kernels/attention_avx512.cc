#include "kernels/lanes_avx512.h"

#include "kernels/attention_simd.inc"
