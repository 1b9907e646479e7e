#include <sys/auxv.h>

#include "kernels/simd.h"

namespace hadal::kernels {

std::vector<Isa> DetectSimd() {
  constexpr unsigned long kDotProducts = 1UL << 20;  // HWCAP_ASIMDDP
  std::vector<Isa> isas;
  if ((getauxval(AT_HWCAP) & kDotProducts) != 0) isas.push_back(Isa::kNeon);
  return isas;
}

}  // namespace hadal::kernels
