// Where the processor is no x86-64: its functions of simd.h, never called.
#include <cstdlib>

#include "kernels/simd.h"

namespace hadal::kernels {

namespace avx2 {
#include "kernels/no_simd_functions.inc"
}
namespace avxvnni {
#include "kernels/no_simd_dot_functions.inc"
}
namespace avx512 {
#include "kernels/no_simd_functions.inc"
}

}  // namespace hadal::kernels
