#include "kernels/lanes_neon.h"

#include "kernels/index_scores_simd.inc"
