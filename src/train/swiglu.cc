#include "train/swiglu.h"

#include "train/parallel.h"
#include "train/plain.h"
#include "train/simd.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Shape {
  std::int64_t begin, end, width;  // rows [begin, end)
};

template <class T>
HADAL_TARGET_CLONES void Forward(const Shape& s, const T* g, const T* u, const T* weight, T limit,
                                 T* h) {
  for (std::int64_t row = s.begin; row < s.end; ++row) {
    const T factor = weight != nullptr ? weight[row] : T{1};
#pragma omp simd
    for (std::int64_t i = row * s.width; i < (row + 1) * s.width; ++i) {
      const T a = Min(g[i], limit), b = Min(Max(u[i], -limit), limit);
      h[i] = a * Sigmoid(a) * b * factor;
    }
  }
}

template <class T>
struct Gradients {
  T *gate, *up, *weight;  // weight may be null
};

template <class T>
HADAL_TARGET_CLONES void Backward(const Shape& s, const T* g, const T* u, const T* weight, T limit,
                                  const T* dh, const Gradients<T>& out) {
  T *dgate = out.gate, *dup = out.up;
  for (std::int64_t row = s.begin; row < s.end; ++row) {
    const T factor = weight != nullptr ? weight[row] : T{1};
    T dot = 0;
#pragma omp simd reduction(+ : dot)
    for (std::int64_t i = row * s.width; i < (row + 1) * s.width; ++i) {
      const T a = Min(g[i], limit), b = Min(Max(u[i], -limit), limit);
      const T sigmoid = Sigmoid(a), silu = a * sigmoid, grad = dh[i] * factor;
      dot += dh[i] * silu * b;
      const T gate_moves = g[i] < limit ? T{1} : T{0}, up_moves = b == u[i] ? T{1} : T{0};
      dgate[i] = gate_moves * grad * b * (sigmoid + silu * (1 - sigmoid));
      dup[i] = up_moves * grad * silu;
    }
    if (out.weight != nullptr) out.weight[row] = dot;
  }
}

struct SwiGluFunction : torch::autograd::Function<SwiGluFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& gate_in, const Tensor& up_in,
                        const Tensor& weight, double limit) {
    const Tensor gate = gate_in.contiguous(), up = up_in.contiguous();
    Tensor out = torch::empty_like(gate);
    AT_DISPATCH_FLOATING_TYPES(gate.scalar_type(), "SwiGlu", [&] {
      const auto *g = gate.data_ptr<scalar_t>(), *u = up.data_ptr<scalar_t>();
      const auto* w = weight.numel() > 0 ? weight.data_ptr<scalar_t>() : nullptr;
      auto* h = out.data_ptr<scalar_t>();
      ParallelRows(gate.size(0), gate.size(1) * 4, [&](std::int64_t begin, std::int64_t end) {
        Forward({begin, end, gate.size(1)}, g, u, w, static_cast<scalar_t>(limit), h);
      });
    });
    context->save_for_backward({gate, up, weight});
    context->saved_data["limit"] = limit;
    return out;
  }
  static variable_list backward(AutogradContext* context, const variable_list& d) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &gate = saved[0], &up = saved[1], &weight = saved[2];
    const Tensor dh = d[0].contiguous();
    const double limit = context->saved_data["limit"].toDouble();
    Tensor dgate = torch::empty_like(gate), dup = torch::empty_like(up), dweight;
    if (weight.numel() > 0) dweight = torch::empty_like(weight);
    AT_DISPATCH_FLOATING_TYPES(gate.scalar_type(), "SwiGlu", [&] {
      const auto *g = gate.data_ptr<scalar_t>(), *u = up.data_ptr<scalar_t>(),
                 *d_out = dh.data_ptr<scalar_t>();
      const auto* w = weight.numel() > 0 ? weight.data_ptr<scalar_t>() : nullptr;
      const Gradients<scalar_t> out{dgate.data_ptr<scalar_t>(), dup.data_ptr<scalar_t>(),
                                    w != nullptr ? dweight.data_ptr<scalar_t>() : nullptr};
      ParallelRows(gate.size(0), gate.size(1) * 4, [&](std::int64_t begin, std::int64_t end) {
        Backward({begin, end, gate.size(1)}, g, u, w, static_cast<scalar_t>(limit), d_out, out);
      });
    });
    return {dgate, dup, dweight, Tensor()};
  }
};

}  // namespace

Tensor plain::SwiGlu(const Tensor& gate, const Tensor& up, const Tensor& weight, double limit) {
  const Tensor h = torch::silu(gate.clamp_max(limit)) * up.clamp(-limit, limit);
  return weight.defined() ? h * weight.unsqueeze(1) : h;
}

Tensor SwiGlu(const Tensor& gate, const Tensor& up, const Tensor& weight, double limit) {
  if (!HasKernels(gate)) return plain::SwiGlu(gate, up, weight, limit);
  // LibTorch wants every tensor argument of a function defined: no weight is an empty one.
  return SwiGluFunction::apply(
      gate, up, weight.defined() ? weight : torch::empty({0}, gate.options()), limit);
}

}  // namespace hadal::train
