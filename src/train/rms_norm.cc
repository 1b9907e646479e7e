#include "train/rms_norm.h"

#include <cmath>

#include "train/parallel.h"
#include "train/plain.h"
#include "train/simd.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Rows [begin, end); gain may be null.
template <class T>
HADAL_TARGET_CLONES void Forward(const T* x, const T* gain, std::int64_t width, T eps,
                                 std::int64_t begin, std::int64_t end, T* y, T* inverse) {
  for (std::int64_t row = begin; row < end; ++row) {
    const T* a = x + row * width;
    T* b = y + row * width;
    const T r = 1 / std::sqrt(Dot(a, a, width) / static_cast<T>(width) + eps);
    inverse[row] = r;
    if (gain != nullptr) {
#pragma omp simd
      for (std::int64_t d = 0; d < width; ++d) b[d] = a[d] * r * gain[d];
    } else {
#pragma omp simd
      for (std::int64_t d = 0; d < width; ++d) b[d] = a[d] * r;
    }
  }
}

// dx = r * (g - x * r^2 * mean(g * x)), g = dy * gain.
template <class T>
HADAL_TARGET_CLONES void BackwardX(const T* x, const T* gain, std::int64_t width, const T* inverse,
                                   const T* dy, std::int64_t begin, std::int64_t end, T* dx) {
  for (std::int64_t row = begin; row < end; ++row) {
    const T *a = x + row * width, *g = dy + row * width;
    T* b = dx + row * width;
    if (gain != nullptr) {
#pragma omp simd
      for (std::int64_t d = 0; d < width; ++d) b[d] = g[d] * gain[d];
      g = b;
    }
    const T r = inverse[row];
    const T pull = Dot(g, a, width) * r * r / static_cast<T>(width);
#pragma omp simd
    for (std::int64_t d = 0; d < width; ++d) b[d] = r * (g[d] - a[d] * pull);
  }
}

template <class T>
HADAL_TARGET_CLONES void AddWeightGradient(const T* x, std::int64_t width, const T* inverse,
                                           const T* dy, std::int64_t begin, std::int64_t end,
                                           T* sum) {
  for (std::int64_t row = begin; row < end; ++row) {
    const T *a = x + row * width, *g = dy + row * width, r = inverse[row];
#pragma omp simd
    for (std::int64_t d = 0; d < width; ++d) sum[d] += g[d] * a[d] * r;
  }
}

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x_in, const Tensor& weight,
                        double eps) {
    const Tensor x = x_in.contiguous();
    const std::int64_t width = x.size(-1), rows = x.numel() / width;
    Tensor y = torch::empty_like(x), inverse = torch::empty({rows}, x.options());
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "RmsNorm", [&] {
      const auto* in = x.data_ptr<scalar_t>();
      const auto* gain = weight.numel() > 0 ? weight.data_ptr<scalar_t>() : nullptr;
      auto *out = y.data_ptr<scalar_t>(), *r = inverse.data_ptr<scalar_t>();
      ParallelRows(rows, width, [&](std::int64_t begin, std::int64_t end) {
        Forward(in, gain, width, static_cast<scalar_t>(eps), begin, end, out, r);
      });
    });
    context->save_for_backward({x, weight, inverse});
    return y;
  }
  static variable_list backward(AutogradContext* context, const variable_list& dy) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &inverse = saved[2];
    const Tensor grad = dy[0].contiguous();
    const std::int64_t width = x.size(-1), rows = inverse.numel();
    Tensor dx = torch::empty_like(x), dweight;
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "RmsNorm", [&] {
      const auto *in = x.data_ptr<scalar_t>(), *r = inverse.data_ptr<scalar_t>(),
                 *g = grad.data_ptr<scalar_t>();
      const auto* gain = weight.numel() > 0 ? weight.data_ptr<scalar_t>() : nullptr;
      auto* out = dx.data_ptr<scalar_t>();
      ParallelRows(rows, width, [&](std::int64_t begin, std::int64_t end) {
        BackwardX(in, gain, width, r, g, begin, end, out);
      });
      if (gain != nullptr)
        dweight = SumOverRows<scalar_t>(rows, width, x.scalar_type(),
                                        [&](std::int64_t begin, std::int64_t end, scalar_t* sum) {
                                          AddWeightGradient(in, width, r, g, begin, end, sum);
                                        });
    });
    return {dx, dweight, Tensor()};
  }
};

}  // namespace

Tensor plain::RmsNorm(const Tensor& x, const Tensor& weight, double eps) {
  const Tensor y = x * (x.square().mean(-1, true) + eps).rsqrt();
  return weight.defined() ? y * weight : y;
}

Tensor RmsNorm(const Tensor& x, const Tensor& weight, double eps) {
  if (!HasKernels(x)) return plain::RmsNorm(x, weight, eps);
  // LibTorch wants every tensor argument of a function defined: no weight is an empty one.
  return RmsNormFunction::apply(x, weight.defined() ? weight : torch::empty({0}, x.options()), eps);
}

}  // namespace hadal::train
