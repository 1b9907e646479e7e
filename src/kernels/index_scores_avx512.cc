#include "kernels/lanes_avx512.h"

#include "kernels/index_scores_simd.inc"
