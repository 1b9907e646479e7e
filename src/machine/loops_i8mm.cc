#include "machine/chains_neon.inc"
#include "machine/loops.h"

namespace hadal::machine::i8mm {

// As the kernels': both bytes of the words of one with both of the other.
std::int32_t DotInt16(std::uint64_t rounds, std::int32_t x) {
  const int8x16_t low = Opaque(vdupq_n_s8(static_cast<std::int8_t>(x))), high = Opaque(low);
  return SumOfInts(rounds, x, [&](int32x4_t v) {
    v = vmmlaq_s32(vmmlaq_s32(v, low, low), low, high);
    return vmmlaq_s32(vmmlaq_s32(v, high, low), high, high);
  });
}

std::int32_t DotInt8(std::uint64_t rounds, std::int32_t x) {
  const int8x16_t a = Opaque(vdupq_n_s8(static_cast<std::int8_t>(x)));
  return SumOfInts(rounds, x, [&](int32x4_t v) { return vmmlaq_s32(v, a, a); });
}

}  // namespace hadal::machine::i8mm
