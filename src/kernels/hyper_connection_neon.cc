#include "kernels/lanes_neon.h"

#include "kernels/hyper_connection_simd.inc"
