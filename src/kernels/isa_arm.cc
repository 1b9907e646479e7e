#include <sys/auxv.h>

#include "kernels/simd.h"

namespace hadal::kernels {

std::vector<Isa> DetectSimd() {
  constexpr unsigned long kDotProducts = 1UL << 20;     // HWCAP_ASIMDDP
  constexpr unsigned long kMatrixProducts = 1UL << 13;  // HWCAP2_I8MM
  std::vector<Isa> isas;
  if ((getauxval(AT_HWCAP) & kDotProducts) != 0) isas.push_back(Isa::kNeon);
  if (!isas.empty() && (getauxval(AT_HWCAP2) & kMatrixProducts) != 0) isas.push_back(Isa::kI8mm);
  return isas;
}

}  // namespace hadal::kernels
