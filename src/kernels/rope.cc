#include "kernels/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"
#include "kernels/share_rows.h"

namespace hadal::kernels {
namespace {

// The channel, as a real number, whose wave turns `turns` times over the original context.
double ChannelOfTurns(double turns, std::size_t dim, double theta, std::size_t positions) {
  const double wavelength = static_cast<double>(positions) / turns;
  return static_cast<double>(dim) * std::log(wavelength / (2 * std::numbers::pi)) /
         (2 * std::log(theta));
}

}  // namespace

std::vector<float> RopeFrequencies(std::size_t dim, double theta) {
  HADAL_CHECK(dim % 2 == 0);
  std::vector<float> frequencies(dim / 2);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(dim);
    frequencies[i] = 1.0f / static_cast<float>(std::pow(theta, double{exponent}));
  }
  return frequencies;
}

std::vector<float> YarnFrequencies(std::size_t dim, double theta, double factor, double beta_fast,
                                   double beta_slow, std::size_t original_positions) {
  std::vector<float> frequencies = RopeFrequencies(dim, theta);
  const double last = static_cast<double>(dim) - 1;
  const double low =
      std::max(std::floor(ChannelOfTurns(beta_fast, dim, theta, original_positions)), 0.0);
  double high =
      std::min(std::ceil(ChannelOfTurns(beta_slow, dim, theta, original_positions)), last);
  if (high == low) high = low + 0.001;
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const float ramp = std::clamp(
        (static_cast<float>(i) - static_cast<float>(low)) / static_cast<float>(high - low), 0.0f,
        1.0f);
    const float keep = 1 - ramp;
    frequencies[i] =
        frequencies[i] / static_cast<float>(factor) * (1 - keep) + frequencies[i] * keep;
  }
  return frequencies;
}

void RopeAngles(std::uint64_t position, std::span<const float> frequencies, std::span<float> cos,
                std::span<float> sin) {
  HADAL_CHECK(cos.size() == frequencies.size() && sin.size() == frequencies.size());
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    // The angle is rounded to float32 on purpose; its cosine and sine are then taken exactly.
    const double angle = double{static_cast<float>(position) * frequencies[i]};
    cos[i] = static_cast<float>(std::cos(angle));
    sin[i] = static_cast<float>(std::sin(angle));
  }
}

void RopeAngles(std::span<const std::uint64_t> positions, std::span<const float> frequencies,
                View2<float> cos, View2<float> sin, Threads& threads) {
  HADAL_CHECK(cos.rows() == positions.size() && sin.rows() == positions.size());
  ShareRows(positions.size(), 8 * frequencies.size(), kExponents, threads,
            [&](std::size_t t) { RopeAngles(positions[t], frequencies, cos[t], sin[t]); });
}

namespace ref {

void Rotate(std::span<float> x, std::span<const float> cos, std::span<const float> sin, Turn turn) {
  for (std::size_t i = 0; i < cos.size(); ++i) {
    const double even = x[2 * i], odd = x[2 * i + 1], c = cos[i];
    const double s = turn == Turn::kForward ? sin[i] : -sin[i];
    x[2 * i] = static_cast<float>(even * c - odd * s);
    x[2 * i + 1] = static_cast<float>(even * s + odd * c);
  }
}

}  // namespace ref

void Rotate(std::span<float> x, std::span<const float> cos, std::span<const float> sin, Turn turn) {
  HADAL_CHECK(x.size() == 2 * cos.size() && sin.size() == cos.size());
  const float sign = turn == Turn::kForward ? 1.0f : -1.0f;
  for (std::size_t i = 0; i < cos.size(); ++i) {
    const float even = x[2 * i], odd = x[2 * i + 1], s = sign * sin[i];
    x[2 * i] = even * cos[i] - odd * s;
    x[2 * i + 1] = even * s + odd * cos[i];
  }
}

void Rotate(View2<float> x, std::size_t head_dim, const Angles& angles, Turn turn,
            Threads& threads) {
  const std::size_t rotary = 2 * angles.cos.cols();
  HADAL_CHECK(x.cols() % head_dim == 0 && rotary <= head_dim && angles.cos.rows() == x.rows());
  ShareRows(x.rows(), x.cols(), kNorming, threads, [&](std::size_t t) {
    for (std::size_t end = head_dim; end <= x.cols(); end += head_dim)
      Rotate(x[t].subspan(end - rotary, rotary), angles.cos[t], angles.sin[t], turn);
  });
}

void RotateHalves(View2<float> x, std::size_t head_dim, const Angles& angles, Threads& threads) {
  const std::size_t half = angles.cos.cols();
  HADAL_CHECK(x.cols() % head_dim == 0 && 2 * half <= head_dim && angles.cos.rows() == x.rows());
  ShareRows(x.rows(), x.cols(), kRounding, threads, [&](std::size_t t) {
    const std::span<const float> cos = angles.cos[t], sin = angles.sin[t];
    for (std::size_t begin = 0; begin < x.cols(); begin += head_dim) {
      const std::span<float> head = x[t].subspan(begin, 2 * half);
      for (std::size_t i = 0; i < half; ++i) {
        const float first = head[i], second = head[half + i];
        head[i] = first * cos[i] - second * sin[i];
        head[half + i] = first * sin[i] + second * cos[i];
      }
    }
  });
}

}  // namespace hadal::kernels
