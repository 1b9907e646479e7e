#include "kernels/lanes_neon.h"

#include "kernels/attention_simd.inc"
