#include "kernels/hadamard.h"

#include <bit>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "kernels/share_rows.h"
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

void CheckSize(std::size_t n) { HADAL_CHECK(std::has_single_bit(n) && n <= 1024); }

}  // namespace

namespace ref {

void Hadamard(std::span<float> x) {
  CheckSize(x.size());
  const std::vector<float> in(x.begin(), x.end());
  for (std::size_t i = 0; i < x.size(); ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < in.size(); ++j)
      sum += std::popcount(i & j) % 2 == 0 ? double{in[j]} : -double{in[j]};
    x[i] = static_cast<float>(sum / std::sqrt(static_cast<double>(x.size())));
  }
}

}  // namespace ref

void Hadamard(std::span<float> x) {
  CheckSize(x.size());
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(x.size())));
  const auto simd = HADAL_ACTIVE(Hadamard);
  if (simd == nullptr || x.size() < kSmallestSimd) return HadamardPlain(x, scale);
  simd(x.data(), x.size(), scale);
}

void Hadamard(View2<float> x, std::size_t n, Threads& threads) {
  HADAL_CHECK(x.cols() % n == 0);
  ShareRows(x.rows(), x.cols(), kRounding, threads, [&](std::size_t t) {
    for (std::size_t begin = 0; begin < x.cols(); begin += n) Hadamard(x[t].subspan(begin, n));
  });
}

}  // namespace hadal::kernels
