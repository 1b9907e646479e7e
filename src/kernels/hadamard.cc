#include "kernels/hadamard.h"

#include <bit>
#include <cmath>

#include "base/check.h"
#include "kernels/simd.h"

namespace hadal::kernels {
namespace {

constexpr std::size_t kSmallestSimd = 16;

void HadamardPlain(std::span<float> x, float scale) {
  for (std::size_t half = 1; half < x.size(); half *= 2)
    for (std::size_t block = 0; block < x.size(); block += 2 * half)
      for (std::size_t i = block; i < block + half; ++i) {
        const float a = x[i], b = x[i + half];
        x[i] = a + b;
        x[i + half] = a - b;
      }
  for (float& v : x) v *= scale;
}

}  // namespace

void Hadamard(std::span<float> x) {
  HADAL_CHECK(std::has_single_bit(x.size()) && x.size() <= 1024);
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(x.size())));
  const auto simd = HADAL_ACTIVE(Hadamard);
  if (simd == nullptr || x.size() < kSmallestSimd) return HadamardPlain(x, scale);
  simd(x.data(), x.size(), scale);
}

}  // namespace hadal::kernels
