#include "reference/numbers.h"

#include <algorithm>

#include "base/check.h"
#include "tensor/codec.h"

namespace hadal::reference {
namespace {
std::uint64_t macs_done = 0;
}

double Rounding::operator()(double x) const {
  switch (act) {
    case Act::kNone:
      return x;
    case Act::kF32:
      return static_cast<float>(x);
    case Act::kBf16:
      return RoundToBf16(static_cast<float>(x));
  }
  return x;
}

Row Rounding::operator()(Row x) const {
  for (double& v : x) v = (*this)(v);
  return x;
}

namespace {

double AbsMax(const Row& x, std::size_t begin, std::size_t end) {
  double largest = 0;
  for (std::size_t i = begin; i < end; ++i) largest = std::max(largest, std::abs(x[i]));
  return largest;
}

}  // namespace

Row RoundFp8(Row x, std::size_t begin, std::size_t end, std::size_t block, ScaleRule rule) {
  for (std::size_t b = begin; b < end; b += block) {
    const std::size_t stop = std::min(b + block, end);
    const float scale = Fp8Scale(static_cast<float>(AbsMax(x, b, stop)), rule);
    for (std::size_t i = b; i < stop; ++i)
      x[i] = E4m3ToF32(F32ToE4m3(static_cast<float>(x[i]) / scale)) * scale;
  }
  return x;
}

Row RoundFp4(Row x) {
  for (std::size_t b = 0; b < x.size(); b += 32) {
    const std::size_t stop = std::min(b + 32, x.size());
    const float scale = Fp4Scale(static_cast<float>(AbsMax(x, b, stop)));
    for (std::size_t i = b; i < stop; ++i)
      x[i] = E2m1ToF32(F32ToE2m1(static_cast<float>(x[i]) / scale)) * scale;
  }
  return x;
}

std::uint64_t MacsDone() { return macs_done; }
void CountMacs(std::uint64_t count) { macs_done += count; }

double Dot(const float* w, const double* x, std::size_t count) {
  CountMacs(count);
  double sum[4] = {};  // four, for speed; the order does not matter in float64
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4)
    for (std::size_t j = 0; j < 4; ++j) sum[j] += static_cast<double>(w[i + j]) * x[i + j];
  for (; i < count; ++i) sum[0] += static_cast<double>(w[i]) * x[i];
  return sum[0] + sum[1] + sum[2] + sum[3];
}

Row Product(const Matrix& w, const Row& x) {
  HADAL_CHECK(x.size() == w.cols);
  Row y(w.rows);
  for (std::size_t n = 0; n < w.rows; ++n) y[n] = Dot(w.row(n), x.data(), w.cols);
  return y;
}

Row Linear(const Matrix& w, const Row& x, const Rounding& round) {
  if (w.quantised && round.fp8_inputs)
    return round(Product(w, RoundFp8(x, 0, x.size(), 128, round.scales)));
  return round(Product(w, x));
}

double MeanOfSquares(const Row& x) {
  double sum = 0;
  for (double v : x) sum += v * v;
  return sum / static_cast<double>(x.size());
}

Row RmsNorm(const Row& x, const Row& gain, double eps, const Rounding& round) {
  HADAL_CHECK(x.size() == gain.size());
  const double r = 1 / std::sqrt(MeanOfSquares(x) + eps);
  Row y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = round(x[i] * r * gain[i]);
  return y;
}

void HeadNorm(double* x, std::size_t count, double eps, const Rounding& round) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += round(x[i] * x[i]);
  const double mean = round(sum / static_cast<double>(count));
  const double r = round(1 / std::sqrt(round(mean + eps)));
  for (std::size_t i = 0; i < count; ++i) x[i] = round(x[i] * r);
}

Row Hadamard(Row x, const Rounding& round) {
  HADAL_CHECK((x.size() & (x.size() - 1)) == 0);
  for (std::size_t half = 1; half < x.size(); half *= 2)
    for (std::size_t i = 0; i < x.size(); ++i)
      if ((i & half) == 0) {
        const double a = x[i], b = x[i + half];
        x[i] = a + b;
        x[i + half] = a - b;
      }
  const double scale = 1 / std::sqrt(static_cast<double>(x.size()));
  for (double& v : x) v = round(v * scale);
  return x;
}

}  // namespace hadal::reference
