#include "kernels/lanes_avx2.h"

#include "kernels/index_scores_simd.inc"
