// Where the processor is no 64-bit ARM: its functions of simd.h, never called.
#include <cstdlib>

#include "kernels/simd.h"

namespace hadal::kernels::neon {
#include "kernels/no_simd_functions.inc"
}
