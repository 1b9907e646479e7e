// The kernels' functions that exist once per instruction set, and the choice between them.
// Defined in *_avx2.cc and *_avx512.cc; on processors other than x86-64 in no_simd.cc, where nothing
// calls them because RunnableIsas() holds kRef alone.
#pragma once
#include <vector>

#include "kernels/isa.h"
#include "kernels/simd_args.h"

namespace hadal::kernels {

namespace avx2 {
#include "kernels/simd_functions.inc"
}
namespace avx512 {
#include "kernels/simd_functions.inc"
}

std::vector<Isa> DetectSimd();  // without kRef, the best last

// The active instruction set's function; null: the plain C++ of kRef is wanted.
template <class Function>
Function* ActiveSimd(Function* for_avx2, Function* for_avx512) {
  const Isa isa = ActiveIsa();
  return isa == Isa::kAvx512 ? for_avx512 : isa == Isa::kAvx2 ? for_avx2 : nullptr;
}

}  // namespace hadal::kernels

// HADAL_SIMD(Name): ActiveSimd of the functions of that name.
#define HADAL_SIMD(name) \
  ::hadal::kernels::ActiveSimd(&::hadal::kernels::avx2::name, &::hadal::kernels::avx512::name)
