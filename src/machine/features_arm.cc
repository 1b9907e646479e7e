#include <sys/auxv.h>

#include "machine/features.h"

namespace hadal::machine {

DotInstructions DetectDots() {
  constexpr unsigned long kBf16 = 1UL << 14;  // HWCAP2_BF16
  DotInstructions dots;
  dots.arm_bf16 = (getauxval(AT_HWCAP2) & kBf16) != 0;
  return dots;
}

}  // namespace hadal::machine
