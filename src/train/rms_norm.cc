#include "train/rms_norm.h"

#include <cmath>

#include "train/parallel.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

template <class T>
void Forward(const Tensor& x, const Tensor& weight, double eps, Tensor& y, Tensor& inverse) {
  const std::int64_t width = x.size(-1);
  const T* in = x.data_ptr<T>();
  const T* gain = weight.numel() > 0 ? weight.data_ptr<T>() : nullptr;
  T* out = y.data_ptr<T>();
  T* inv = inverse.data_ptr<T>();
  ParallelRows(inverse.numel(), width, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* a = in + row * width;
      T* b = out + row * width;
      T squares = 0;
      for (std::int64_t d = 0; d < width; ++d) squares += a[d] * a[d];
      const T r = 1 / std::sqrt(squares / static_cast<T>(width) + static_cast<T>(eps));
      inv[row] = r;
      if (gain != nullptr) {
        for (std::int64_t d = 0; d < width; ++d) b[d] = a[d] * r * gain[d];
      } else {
        for (std::int64_t d = 0; d < width; ++d) b[d] = a[d] * r;
      }
    }
  });
}

// dx = r * (g - x * r^2 * mean(g * x)), g = dy * weight.
template <class T>
void BackwardX(const Tensor& x, const Tensor& weight, const Tensor& inverse, const Tensor& dy,
               Tensor& dx) {
  const std::int64_t width = x.size(-1);
  const T* in = x.data_ptr<T>();
  const T* gain = weight.numel() > 0 ? weight.data_ptr<T>() : nullptr;
  const T* inv = inverse.data_ptr<T>();
  const T* grad = dy.data_ptr<T>();
  T* out = dx.data_ptr<T>();
  ParallelRows(inverse.numel(), width, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* a = in + row * width;
      const T* g = grad + row * width;
      T* b = out + row * width;
      T dot = 0;
      for (std::int64_t d = 0; d < width; ++d) {
        b[d] = gain != nullptr ? g[d] * gain[d] : g[d];
        dot += b[d] * a[d];
      }
      const T r = inv[row];
      const T pull = dot * r * r / static_cast<T>(width);
      for (std::int64_t d = 0; d < width; ++d) b[d] = r * (b[d] - a[d] * pull);
    }
  });
}

template <class T>
Tensor BackwardWeight(const Tensor& x, const Tensor& inverse, const Tensor& dy) {
  const std::int64_t width = x.size(-1);
  const T* in = x.data_ptr<T>();
  const T* inv = inverse.data_ptr<T>();
  const T* grad = dy.data_ptr<T>();
  return SumOverRows<T>(inverse.numel(), width, x.scalar_type(),
                        [&](std::int64_t begin, std::int64_t end, T* sum) {
                          for (std::int64_t row = begin; row < end; ++row)
                            for (std::int64_t d = 0; d < width; ++d)
                              sum[d] += grad[row * width + d] * in[row * width + d] * inv[row];
                        });
}

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x_in, const Tensor& weight,
                        double eps) {
    const Tensor x = x_in.contiguous();
    Tensor y = torch::empty_like(x);
    Tensor inverse = torch::empty({x.numel() / x.size(-1)}, x.options());
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "RmsNorm",
                               [&] { Forward<scalar_t>(x, weight, eps, y, inverse); });
    context->save_for_backward({x, weight, inverse});
    return y;
  }
  static variable_list backward(AutogradContext* context, const variable_list& dy) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &inverse = saved[2];
    const Tensor g = dy[0].contiguous();
    Tensor dx = torch::empty_like(x), dweight;
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "RmsNorm", [&] {
      BackwardX<scalar_t>(x, weight, inverse, g, dx);
      if (weight.numel() > 0) dweight = BackwardWeight<scalar_t>(x, inverse, g);
    });
    return {dx, dweight, Tensor()};
  }
};

}  // namespace

Tensor RmsNorm(const Tensor& x, const Tensor& weight, double eps) {
  // LibTorch wants every tensor argument of a function defined: no weight is an empty one.
  return RmsNormFunction::apply(x, weight.defined() ? weight : torch::empty({0}, x.options()), eps);
}

}  // namespace hadal::train
