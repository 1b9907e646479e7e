#include "kernels/integers_avx2.h"

#include "kernels/packed_index_scores_simd.inc"
