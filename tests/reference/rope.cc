#include "reference/rope.h"

#include <algorithm>
#include <numbers>

namespace hadal::reference {
namespace {

// The (fractional) index of the frequency that turns `turns` times over the original context.
double YarnIndex(const Config& c, double base, double turns) {
  return static_cast<double>(c.rope_dim) *
         std::log(c.yarn_original / (2 * std::numbers::pi * turns)) / (2 * std::log(base));
}

std::vector<float> YarnRamp(const Config& c, double base) {
  const double low = std::max(std::floor(YarnIndex(c, base, c.yarn_beta_fast)), 0.0);
  double high = std::min(std::ceil(YarnIndex(c, base, c.yarn_beta_slow)),
                         static_cast<double>(c.rope_dim) - 1);
  if (high == low) high += 0.001;
  std::vector<float> ramp(c.rope_dim / 2);
  for (std::size_t i = 0; i < ramp.size(); ++i)
    ramp[i] =
        static_cast<float>(std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0));
  return ramp;
}

}  // namespace

Rope::Rope(const Config& c, const Rules& rules, bool compressed)
    : frequencies_(c.rope_dim / 2),
      interleaved_(rules.interleaved_pairs),
      last_(rules.rotate_last_channels) {
  const bool table = compressed || rules.one_rope_table;
  const double base = table ? c.compress_rope_theta : c.rope_theta;
  for (std::size_t i = 0; i < frequencies_.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(c.rope_dim);
    frequencies_[i] = 1.0f / static_cast<float>(std::pow(base, static_cast<double>(exponent)));
  }
  if (!table || !rules.yarn) return;
  const std::vector<float> ramp = YarnRamp(c, base);
  for (std::size_t i = 0; i < frequencies_.size(); ++i) {
    const float stretched = rules.yarn_ramp_inverted ? 1 - ramp[i] : ramp[i];
    frequencies_[i] = frequencies_[i] / static_cast<float>(c.yarn_factor) * stretched +
                      frequencies_[i] * (1 - stretched);
  }
}

void Rope::Rotate(double* head, std::size_t channels, std::size_t position, bool back,
                  const Rounding& round) const {
  const std::size_t pairs = frequencies_.size();
  double* x = last_ ? head + channels - 2 * pairs : head;
  for (std::size_t i = 0; i < pairs; ++i) {
    const float angle = static_cast<float>(position) * frequencies_[i];
    const double c = std::cos(static_cast<double>(angle));
    const double s = std::sin(static_cast<double>(angle)) * (back ? -1 : 1);
    double& a = x[interleaved_ ? 2 * i : i];
    double& b = x[interleaved_ ? 2 * i + 1 : i + pairs];
    const double re = a * c - b * s, im = a * s + b * c;
    a = round(re);
    b = round(im);
  }
}

Row Rope::Rotate(Row row, std::size_t position, const Rounding& round) const {
  Rotate(row.data(), row.size(), position, false, round);
  return row;
}

}  // namespace hadal::reference
