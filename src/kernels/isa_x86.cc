#include <cpuid.h>

#include "kernels/simd.h"

namespace hadal::kernels {
namespace {

// Asked of the processor itself: clang 14 knows neither the name "f16c" nor "avxvnni".
bool HasF16c() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}

// Its registers are those of AVX2: the operating system that saves these asks for nothing more.
bool HasAvxVnni() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0 || eax < 1) return false;
  __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx);
  return (eax & bit_AVXVNNI) != 0;
}

}  // namespace

std::vector<Isa> DetectSimd() {
  std::vector<Isa> isas;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && HasF16c())
    isas.push_back(Isa::kAvx2);
  if (!isas.empty() && HasAvxVnni()) isas.push_back(Isa::kAvxVnni);
  if (!isas.empty() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni"))
    isas.push_back(Isa::kAvx512);
  return isas;
}

}  // namespace hadal::kernels
