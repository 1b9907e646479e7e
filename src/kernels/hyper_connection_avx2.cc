#include "kernels/lanes_avx2.h"

#include "kernels/hyper_connection_simd.inc"
