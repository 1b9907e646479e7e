#include "kernels/lanes_avx2.h"

#include "kernels/attention_simd.inc"
