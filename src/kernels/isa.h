// Which machine code the kernels run: chosen once at start, the best this processor has.
// HADAL_FORCE_ISA=ref|avx2|avx512 overrides; CheckForcedIsa says whether that name is usable.
#pragma once
#include <span>
#include <string_view>

#include "base/result.h"

namespace hadal::kernels {

enum class Isa { kRef, kAvx2, kAvx512 };  // kRef: plain C++, the definition

std::string_view IsaName(Isa isa);
std::span<const Isa> RunnableIsas();  // kRef first, the best last
Isa ActiveIsa();
void SetActiveIsa(Isa isa);  // tests and benchmarks; not while a kernel runs
// kInvalid: HADAL_FORCE_ISA names nothing that this processor runs. Programs call it first.
Status CheckForcedIsa();

}  // namespace hadal::kernels
