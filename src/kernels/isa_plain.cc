// Where there is vector code for no processor of this kind.
#include "kernels/simd.h"

namespace hadal::kernels {

std::vector<Isa> DetectSimd() { return {}; }

}  // namespace hadal::kernels
