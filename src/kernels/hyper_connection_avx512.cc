#include "kernels/lanes_avx512.h"

#include "kernels/hyper_connection_simd.inc"
