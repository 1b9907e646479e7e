// Whether a kernel rounds what the official bfloat16 code holds in bfloat16.
#pragma once

namespace hadal::kernels {

enum class Rounding { kNone, kBf16 };

}  // namespace hadal::kernels
