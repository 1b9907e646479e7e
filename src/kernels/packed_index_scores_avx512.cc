#include "kernels/integers_avx512.h"

#include "kernels/packed_index_scores_simd.inc"
