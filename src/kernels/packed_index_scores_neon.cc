#include "kernels/integers_neon.h"

#include "kernels/packed_index_scores_simd.inc"
