#include "train/rotary.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"
#include "train/parallel.h"
#include "train/plain.h"
#include "train/simd.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// 0 for the frequencies that YaRN keeps, 1 for those it divides by the factor.
std::vector<double> YarnRamp(const arch::YarnScaling& yarn, double base, std::size_t rope_dim) {
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
struct RotaryRows {
  std::int64_t heads, channels, half;  // half: pairs that turn
  const T *cos, *sin;
  const std::int64_t* positions;
  T sign;  // -1: the inverse
};

template <class T>
HADAL_TARGET_CLONES void RotateRows(const RotaryRows<T>& s, const T* x, std::int64_t begin,
                                    std::int64_t end, T* y) {
  const std::int64_t plain = s.channels - 2 * s.half;
  for (std::int64_t row = begin; row < end; ++row) {
    const T *c = s.cos + s.positions[row] * s.half, *sine = s.sin + s.positions[row] * s.half;
    for (std::int64_t head = row * s.heads; head < (row + 1) * s.heads; ++head) {
      const T* a = x + head * s.channels;
      T* b = y + head * s.channels;
      std::copy_n(a, plain, b);
#pragma omp simd
      for (std::int64_t i = 0; i < s.half; ++i) {
        const T re = a[plain + 2 * i], im = a[plain + 2 * i + 1], turn = s.sign * sine[i];
        b[plain + 2 * i] = re * c[i] - im * turn;
        b[plain + 2 * i + 1] = re * turn + im * c[i];
      }
    }
  }
}

Tensor RotatePlain(const Tensor& x_in, const Tensor& positions, const RotaryTable& table,
                   bool inverse) {
  const Tensor x = x_in.contiguous();
  HADAL_CHECK(positions.is_contiguous() &&
              positions.numel() * x.size(-2) * x.size(-1) == x.numel());
  Tensor y = torch::empty_like(x);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "Rotate", [&] {
    const RotaryRows<scalar_t> rows{x.size(-2),
                                    x.size(-1),
                                    table.cos.size(1),
                                    table.cos.data_ptr<scalar_t>(),
                                    table.sin.data_ptr<scalar_t>(),
                                    positions.data_ptr<std::int64_t>(),
                                    static_cast<scalar_t>(inverse ? -1 : 1)};
    const auto* in = x.data_ptr<scalar_t>();
    auto* out = y.data_ptr<scalar_t>();
    ParallelRows(
        positions.numel(), rows.heads * rows.channels,
        [&](std::int64_t begin, std::int64_t end) { RotateRows(rows, in, begin, end, out); });
  });
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

std::vector<double> RotaryFrequencies(const arch::Config& config, bool compressed) {
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
                            const torch::TensorOptions& options) {
  const Tensor f = torch::tensor(frequencies, torch::kDouble);
  const Tensor angles = torch::outer(torch::arange(positions, torch::kDouble), f);
  return {angles.cos().to(options), angles.sin().to(options)};
}

Tensor plain::Rotate(const Tensor& x, const Tensor& positions, const RotaryTable& table,
                     bool inverse) {
  const std::int64_t half = table.cos.size(1), rows = positions.numel(), heads = x.size(-2);
  const Tensor channels = x.reshape({rows, heads, x.size(-1)});
  const Tensor still = channels.slice(2, 0, x.size(-1) - 2 * half);
  const Tensor pairs = channels.slice(2, x.size(-1) - 2 * half).reshape({rows, heads, half, 2});
  const Tensor re = pairs.select(3, 0), im = pairs.select(3, 1);
  const Tensor cos = table.cos.index_select(0, positions.flatten()).unsqueeze(1);
  const Tensor sin =
      table.sin.index_select(0, positions.flatten()).unsqueeze(1) * (inverse ? -1.0 : 1.0);
  const Tensor turned = torch::stack({re * cos - im * sin, re * sin + im * cos}, 3);
  return torch::cat({still, turned.flatten(2)}, 2).view(x.sizes());
}

Tensor Rotate(const Tensor& x, const Tensor& positions, const RotaryTable& table, bool inverse) {
  if (!HasKernels(x)) return plain::Rotate(x, positions, table, inverse);
  return RotateFunction::apply(x, positions, table.cos, table.sin, inverse);
}

}  // namespace hadal::train
