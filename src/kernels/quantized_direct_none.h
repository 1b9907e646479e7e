// The place of quantized_direct_avx512.h for sets without products of a few tokens straight from
// memory: quantized_matmul_simd.inc's own form does them.
#pragma once
#include <cstddef>

#include "kernels/simd_args.h"

namespace hadal::kernels::HADAL_ISA {

// For no number of tokens, so nothing calls these.
inline constexpr std::size_t kDirectFp4 = 0, kDirectFp8 = 0;
template <std::size_t kTokens>
void DirectFp4(const QuantizedUnit&);
void DirectFp8(const QuantizedUnit&);

}  // namespace hadal::kernels::HADAL_ISA
