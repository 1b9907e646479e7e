#include "train/linear.h"

#include "base/check.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// What a product reads and what it returns, in the types asked for.
Tensor In(const Tensor& x, Products products) {
  if (products == Products::kF32) return x.contiguous();
  HADAL_CHECK(x.scalar_type() == torch::kFloat);
  return x.to(torch::kBFloat16).contiguous();
}
Tensor Out(const Tensor& y, Products products) {
  return products == Products::kF32 ? y : y.to(torch::kFloat);
}

Products Saved(AutogradContext* context) {
  return context->saved_data["bf16"].toBool() ? Products::kBf16 : Products::kF32;
}

struct LinearFunction : torch::autograd::Function<LinearFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x_in, const Tensor& w_in,
                        Products products) {
    const Tensor x = In(x_in.reshape({-1, x_in.size(-1)}), products), w = In(w_in, products);
    context->save_for_backward({x, w});
    context->saved_data["bf16"] = products == Products::kBf16;
    context->saved_data["shape"] = x_in.sizes().vec();
    std::vector<std::int64_t> shape = x_in.sizes().vec();
    shape.back() = w.size(0);
    return Out(torch::mm(x, w.t()), products).view(shape);
  }
  static variable_list backward(AutogradContext* context, const variable_list& d) {
    const variable_list saved = context->get_saved_variables();
    const Products products = Saved(context);
    const Tensor g = In(d[0].reshape({-1, d[0].size(-1)}), products);
    Tensor dx;
    if (context->needs_input_grad(0))
      dx = Out(torch::mm(g, saved[1]), products).view(context->saved_data["shape"].toIntVector());
    return {dx, Out(torch::mm(g.t(), saved[0]), products), Tensor()};
  }
};

struct GroupedFunction : torch::autograd::Function<GroupedFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x_in, const Tensor& w_in,
                        const std::vector<std::int64_t>& offsets, Products products) {
    const Tensor x = In(x_in, products), w = In(w_in, products);
    Tensor y = torch::empty({x.size(0), w.size(1)}, x.options());
    ForExperts(offsets, [&](std::int64_t begin, std::int64_t count, std::int64_t e) {
      Tensor out = y.narrow(0, begin, count);
      torch::mm_out(out, x.narrow(0, begin, count), w.select(0, e).t());
    });
    context->save_for_backward({x, w});
    context->saved_data["bf16"] = products == Products::kBf16;
    context->saved_data["offsets"] = offsets;
    return Out(y, products);
  }
  static variable_list backward(AutogradContext* context, const variable_list& d) {
    const variable_list saved = context->get_saved_variables();
    const Products products = Saved(context);
    const Tensor &x = saved[0], &w = saved[1], g = In(d[0], products);
    Tensor dx = torch::empty_like(x), dw = torch::empty_like(w);
    ForExperts(context->saved_data["offsets"].toIntVector(),
               [&](std::int64_t begin, std::int64_t count, std::int64_t e) {
                 Tensor out = dx.narrow(0, begin, count), dexpert = dw.select(0, e);
                 if (count == 0) {
                   dexpert.zero_();
                   return;
                 }
                 const Tensor rows = g.narrow(0, begin, count);
                 torch::mm_out(out, rows, w.select(0, e));
                 torch::mm_out(dexpert, rows.t(), x.narrow(0, begin, count));
               });
    return {Out(dx, products), Out(dw, products), Tensor(), Tensor()};
  }

 private:
  // f(first row of expert e, its rows, e)
  template <class F>
  static void ForExperts(const std::vector<std::int64_t>& offsets, F&& f) {
    for (std::size_t e = 0; e + 1 < offsets.size(); ++e)
      f(offsets[e], offsets[e + 1] - offsets[e], static_cast<std::int64_t>(e));
  }
};

struct GroupsFunction : torch::autograd::Function<GroupsFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x_in, const Tensor& w_in,
                        Products products) {
    const Tensor x = In(x_in, products), w = In(w_in, products);
    Tensor y = torch::empty({x.size(0), x.size(1), w.size(1)}, x.options());
    for (std::int64_t g = 0; g < w.size(0); ++g)
      y.select(1, g).copy_(torch::mm(x.select(1, g), w[g].t()));
    context->save_for_backward({x, w});
    context->saved_data["bf16"] = products == Products::kBf16;
    return Out(y, products);
  }
  static variable_list backward(AutogradContext* context, const variable_list& d) {
    const variable_list saved = context->get_saved_variables();
    const Products products = Saved(context);
    const Tensor &x = saved[0], &w = saved[1], grad = In(d[0], products);
    Tensor dx = torch::empty_like(x), dw = torch::empty_like(w);
    for (std::int64_t g = 0; g < w.size(0); ++g) {
      dx.select(1, g).copy_(torch::mm(grad.select(1, g), w[g]));
      dw[g].copy_(torch::mm(grad.select(1, g).t(), x.select(1, g)));
    }
    return {Out(dx, products), Out(dw, products), Tensor()};
  }
};

}  // namespace

Products FastestProducts() {
#if defined(__x86_64__)
  if (at::hasMKLDNN() && __builtin_cpu_supports("avx512bf16")) return Products::kBf16;
#endif
  return Products::kF32;
}

Tensor Linear(const Tensor& x, const Tensor& w, Products products) {
  return LinearFunction::apply(x, w, products);
}

Tensor GroupedLinear(const Tensor& x, const Tensor& w, const std::vector<std::int64_t>& offsets,
                     Products products) {
  return GroupedFunction::apply(x, w, offsets, products);
}

Tensor HeadGroups(const Tensor& x, const Tensor& w, Products products) {
  return GroupsFunction::apply(x, w, products);
}

}  // namespace hadal::train
