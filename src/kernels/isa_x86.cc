#include "kernels/simd.h"

namespace hadal::kernels {

std::vector<Isa> DetectSimd() {
  std::vector<Isa> isas;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("f16c"))
    isas.push_back(Isa::kAvx2);
  if (!isas.empty() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    isas.push_back(Isa::kAvx512);
  return isas;
}

}  // namespace hadal::kernels
