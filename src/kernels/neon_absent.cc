// Where the processor is no 64-bit ARM: its functions of simd.h, never called.
#include <cstdlib>

#include "kernels/simd.h"

namespace hadal::kernels {

namespace neon {
#include "kernels/no_simd_functions.inc"
}
namespace i8mm {
#include "kernels/no_simd_dot_functions.inc"
}

}  // namespace hadal::kernels
