// Which machine code the kernels run: chosen once at start, the best this processor has.
// HADAL_FORCE_ISA=ref|avx2|avxvnni|avx512|neon|i8mm overrides; CheckForcedIsa says whether that
// name is usable.
#pragma once
#include <span>
#include <string_view>

#include "base/result.h"

namespace hadal::kernels {

enum class Isa {
  kRef,      // plain C++, the definition
  kAvx2,     // with FMA and F16C
  kAvxVnni,  // kAvx2, its dots of integers with AVX-VNNI
  kAvx512,   // F, BW, DQ, VL, VBMI and VNNI: from Ice Lake and Zen 4 on
  kNeon,     // of 64-bit ARM, with dot products: from Cortex-A76, Graviton 2 and M1 on
  kI8mm      // kNeon, its dots of integers with I8MM: from Cortex-X2, Graviton 3 and M2 on
};

std::string_view IsaName(Isa isa);
std::span<const Isa> RunnableIsas();  // kRef first, the best last
Isa ActiveIsa();
void SetActiveIsa(Isa isa);  // tests and benchmarks; not while a kernel runs
// kInvalid: HADAL_FORCE_ISA names nothing that this processor runs. Programs call it first.
Status CheckForcedIsa();

}  // namespace hadal::kernels
