#include "kernels/isa.h"
#include "train/product_tile.h"

namespace hadal::train {

using kernels::ActiveIsa;
using kernels::Isa;

const TileKernels* F32Tiles() {
  if (ActiveIsa() == Isa::kRef) return nullptr;
  if (ActiveIsa() == Isa::kAvx512) return &avx512::F32Tiles();
  // Where there is a part of AVX-512 only, LibTorch's library has faster code than ours for AVX2.
  const bool part =
      kernels::RunnableIsas().back() != Isa::kAvx512 && __builtin_cpu_supports("avx512f");
  return part ? nullptr : &avx2::F32Tiles();
}

const TileKernels* Bf16Tiles() {
  const bool has = ActiveIsa() == Isa::kAvx512 && __builtin_cpu_supports("avx512bf16");
  return has ? &avx512bf16::Bf16Tiles() : nullptr;
}

}  // namespace hadal::train
