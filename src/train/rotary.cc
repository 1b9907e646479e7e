#include "train/rotary.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"
#include "train/parallel.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// 0 for the frequencies that YaRN keeps, 1 for those it divides by the factor.
std::vector<double> YarnRamp(const model::YarnScaling& yarn, double base, std::size_t rope_dim) {
  const auto width = static_cast<double>(rope_dim);
  const auto channel_of_turns = [&](double turns) {
    const auto original = static_cast<double>(yarn.original_max_position_embeddings);
    return width * std::log(original / (2 * std::numbers::pi * turns)) / (2 * std::log(base));
  };
  const double low = std::max(std::floor(channel_of_turns(yarn.beta_fast)), 0.0);
  double high = std::min(std::ceil(channel_of_turns(yarn.beta_slow)), width - 1);
  if (high == low) high = low + 0.001;
  std::vector<double> ramp(rope_dim / 2);
  for (std::size_t i = 0; i < ramp.size(); ++i)
    ramp[i] = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
  return ramp;
}

template <class T>
void RotateRows(const Tensor& x, const Tensor& positions, const RotaryTable& table, bool inverse,
                Tensor& y) {
  const std::int64_t heads = x.size(-2), channels = x.size(-1), half = table.cos.size(1);
  const std::int64_t plain = channels - 2 * half;
  const T *in = x.data_ptr<T>(), *cos = table.cos.data_ptr<T>(), *sin = table.sin.data_ptr<T>();
  const std::int64_t* position = positions.data_ptr<std::int64_t>();
  T* out = y.data_ptr<T>();
  const T sign = inverse ? T{-1} : T{1};
  ParallelRows(positions.numel(), heads * channels, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T *c = cos + position[row] * half, *s = sin + position[row] * half;
      for (std::int64_t head = 0; head < heads; ++head) {
        const T* a = in + (row * heads + head) * channels;
        T* b = out + (row * heads + head) * channels;
        std::copy_n(a, plain, b);
        for (std::int64_t i = 0; i < half; ++i) {
          const T re = a[plain + 2 * i], im = a[plain + 2 * i + 1];
          b[plain + 2 * i] = re * c[i] - sign * im * s[i];
          b[plain + 2 * i + 1] = sign * re * s[i] + im * c[i];
        }
      }
    }
  });
}

Tensor RotatePlain(const Tensor& x_in, const Tensor& positions, const RotaryTable& table,
                   bool inverse) {
  const Tensor x = x_in.contiguous();
  HADAL_CHECK(positions.is_contiguous() &&
              positions.numel() * x.size(-2) * x.size(-1) == x.numel());
  Tensor y = torch::empty_like(x);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "Rotate",
                             [&] { RotateRows<scalar_t>(x, positions, table, inverse, y); });
  return y;
}

struct RotateFunction : torch::autograd::Function<RotateFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& positions,
                        const Tensor& cos, const Tensor& sin, bool inverse) {
    context->save_for_backward({positions, cos, sin});
    context->saved_data["inverse"] = inverse;
    return RotatePlain(x, positions, {cos, sin}, inverse);
  }
  static variable_list backward(AutogradContext* context, const variable_list& dy) {
    const variable_list saved = context->get_saved_variables();
    const bool inverse = context->saved_data["inverse"].toBool();
    return {RotatePlain(dy[0], saved[0], {saved[1], saved[2]}, !inverse), Tensor(), Tensor(),
            Tensor(), Tensor()};
  }
};

}  // namespace

std::vector<double> RotaryFrequencies(const model::Config& config, bool compressed) {
  const std::size_t rope_dim = config.qk_rope_head_dim;
  const double base = compressed ? config.compress_rope_theta : config.rope_theta;
  std::vector<double> frequencies(rope_dim / 2);
  for (std::size_t i = 0; i < frequencies.size(); ++i)
    frequencies[i] = std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(rope_dim));
  if (!compressed) return frequencies;
  const std::vector<double> ramp = YarnRamp(config.rope_scaling, base, rope_dim);
  for (std::size_t i = 0; i < frequencies.size(); ++i)
    frequencies[i] *= ramp[i] / config.rope_scaling.factor + (1 - ramp[i]);
  return frequencies;
}

RotaryTable MakeRotaryTable(const std::vector<double>& frequencies, std::int64_t positions,
                            torch::ScalarType type) {
  const Tensor f = torch::tensor(frequencies, torch::kDouble);
  const Tensor angles = torch::outer(torch::arange(positions, torch::kDouble), f);
  return {angles.cos().to(type), angles.sin().to(type)};
}

Tensor Rotate(const Tensor& x, const Tensor& positions, const RotaryTable& table, bool inverse) {
  return RotateFunction::apply(x, positions, table.cos, table.sin, inverse);
}

}  // namespace hadal::train
