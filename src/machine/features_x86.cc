#include <cpuid.h>

#include <algorithm>

#include "kernels/isa.h"
#include "machine/features.h"

namespace hadal::machine {
namespace {

bool Runs(kernels::Isa isa) {
  const auto isas = kernels::RunnableIsas();
  return std::find(isas.begin(), isas.end(), isa) != isas.end();
}

}  // namespace

// Asked of the processor itself: compilers differ in the names that they know. That the operating
// system saves the registers follows from the sets that the kernels may use.
DotInstructions DetectDots() {
  unsigned a0 = 0, b0 = 0, c0 = 0, d0 = 0, a1 = 0, b1 = 0, c1 = 0, d1 = 0;
  if (__get_cpuid_count(7, 0, &a0, &b0, &c0, &d0) == 0) return {};
  if (a0 >= 1) __get_cpuid_count(7, 1, &a1, &b1, &c1, &d1);
  DotInstructions dots;
  dots.avx512_vnni = Runs(kernels::Isa::kAvx512) && (c0 >> 11 & 1) != 0;
  dots.avx512_bf16 = Runs(kernels::Isa::kAvx512) && (a1 >> 5 & 1) != 0;
  dots.amx = (d0 >> 24 & 1) != 0;
  return dots;
}

}  // namespace hadal::machine
