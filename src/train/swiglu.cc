#include "train/swiglu.h"

#include <algorithm>
#include <cmath>

#include "train/parallel.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

template <class T>
T Sigmoid(T v) {
  return 1 / (1 + std::exp(-v));
}

template <class T>
void Forward(const Tensor& gate, const Tensor& up, const Tensor& weight, T limit, Tensor& out) {
  const std::int64_t width = gate.size(1);
  const T *g = gate.data_ptr<T>(), *u = up.data_ptr<T>();
  const T* w = weight.numel() > 0 ? weight.data_ptr<T>() : nullptr;
  T* h = out.data_ptr<T>();
  ParallelRows(gate.size(0), width * 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T factor = w != nullptr ? w[row] : T{1};
      for (std::int64_t i = row * width; i < (row + 1) * width; ++i) {
        const T a = std::min(g[i], limit), b = std::clamp(u[i], -limit, limit);
        h[i] = a * Sigmoid(a) * b * factor;
      }
    }
  });
}

struct Gradients {
  Tensor gate, up, weight;
};

template <class T>
void Backward(const Tensor& gate, const Tensor& up, const Tensor& weight, T limit, const Tensor& d,
              Gradients& out) {
  const std::int64_t width = gate.size(1);
  const T *g = gate.data_ptr<T>(), *u = up.data_ptr<T>(), *dh = d.data_ptr<T>();
  const T* w = weight.numel() > 0 ? weight.data_ptr<T>() : nullptr;
  T *dg = out.gate.data_ptr<T>(), *du = out.up.data_ptr<T>();
  T* dw = weight.numel() > 0 ? out.weight.data_ptr<T>() : nullptr;
  ParallelRows(gate.size(0), width * 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T factor = w != nullptr ? w[row] : T{1};
      T dot = 0;
      for (std::int64_t i = row * width; i < (row + 1) * width; ++i) {
        const T a = std::min(g[i], limit), b = std::clamp(u[i], -limit, limit);
        const T s = Sigmoid(a), silu = a * s, grad = dh[i] * factor;
        dot += dh[i] * silu * b;
        dg[i] = g[i] < limit ? grad * b * (s + silu * (1 - s)) : T{0};
        du[i] = std::fabs(u[i]) < limit ? grad * silu : T{0};
      }
      if (dw != nullptr) dw[row] = dot;
    }
  });
}

struct SwiGluFunction : torch::autograd::Function<SwiGluFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& gate_in, const Tensor& up_in,
                        const Tensor& weight, double limit) {
    const Tensor gate = gate_in.contiguous(), up = up_in.contiguous();
    Tensor out = torch::empty_like(gate);
    AT_DISPATCH_FLOATING_TYPES(gate.scalar_type(), "SwiGlu", [&] {
      Forward<scalar_t>(gate, up, weight, static_cast<scalar_t>(limit), out);
    });
    context->save_for_backward({gate, up, weight});
    context->saved_data["limit"] = limit;
    return out;
  }
  static variable_list backward(AutogradContext* context, const variable_list& d) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &gate = saved[0], &up = saved[1], &weight = saved[2];
    const Tensor dh = d[0].contiguous();
    Gradients out{torch::empty_like(gate), torch::empty_like(up),
                  weight.numel() > 0 ? torch::empty_like(weight) : Tensor()};
    AT_DISPATCH_FLOATING_TYPES(gate.scalar_type(), "SwiGlu", [&] {
      Backward<scalar_t>(gate, up, weight,
                         static_cast<scalar_t>(context->saved_data["limit"].toDouble()), dh, out);
    });
    return {out.gate, out.up, out.weight, Tensor()};
  }
};

}  // namespace

Tensor SwiGlu(const Tensor& gate, const Tensor& up, const Tensor& weight, double limit) {
  // LibTorch wants every tensor argument of a function defined: no weight is an empty one.
  return SwiGluFunction::apply(
      gate, up, weight.defined() ? weight : torch::empty({0}, gate.options()), limit);
}

}  // namespace hadal::train
