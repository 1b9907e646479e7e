// The kernels' functions that exist once per instruction set, and the choice between them.
// Defined in *_avx2.cc, *_avxvnni.cc and *_avx512.cc, and in *_neon.cc and *_i8mm.cc; those of
// another architecture than this one in x86_absent.cc and neon_absent.cc, where nothing calls them
// because RunnableIsas() does not hold their sets.
#pragma once
#include <vector>

#include "kernels/isa.h"
#include "kernels/simd_args.h"

namespace hadal::kernels {

namespace avx2 {
#include "kernels/simd_functions.inc"
}
namespace avxvnni {
using namespace avx2;  // NOLINT(google-build-using-namespace): what is not declared here
#include "kernels/simd_dot_functions.inc"
}  // namespace avxvnni
namespace avx512 {
#include "kernels/simd_functions.inc"
}
namespace neon {
#include "kernels/simd_functions.inc"
}
namespace i8mm {
using namespace neon;  // NOLINT(google-build-using-namespace): what is not declared here
#include "kernels/simd_dot_functions.inc"
}  // namespace i8mm

std::vector<Isa> DetectSimd();  // without kRef, the best last

// The active instruction set's function; null: the plain C++ of kRef is wanted.
template <class Function>
Function* ActiveSimd(Function* for_avx2, Function* for_avxvnni, Function* for_avx512,
                     Function* for_neon, Function* for_i8mm) {
  switch (ActiveIsa()) {
    case Isa::kRef:
      return nullptr;
    case Isa::kAvx2:
      return for_avx2;
    case Isa::kAvxVnni:
      return for_avxvnni;
    case Isa::kAvx512:
      return for_avx512;
    case Isa::kNeon:
      return for_neon;
    case Isa::kI8mm:
      return for_i8mm;
  }
  return nullptr;
}

}  // namespace hadal::kernels

// HADAL_ACTIVE(Name): ActiveSimd of the functions of that name.
#define HADAL_ACTIVE(name)                                                                      \
  ::hadal::kernels::ActiveSimd(&::hadal::kernels::avx2::name, &::hadal::kernels::avxvnni::name, \
                               &::hadal::kernels::avx512::name, &::hadal::kernels::neon::name,  \
                               &::hadal::kernels::i8mm::name)
