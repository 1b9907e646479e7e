#include "train/linear.h"

#include "train/plain.h"
#include "train/tensor_products.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Rows of x, of y and their gradients that meet one matrix w [out, in].
template <class T>
struct Rows {
  T* data;
  std::int64_t step;
};

struct WeightShape {
  std::int64_t rows, in, out;
  Products products;

  template <class T>
  void Forward(Rows<const T> x, const T* w, Rows<T> y) const {
    Multiply(Product<T>{{x.data, rows, in, x.step, 1}, Dense(w, out, in).Turned(), y.data, y.step},
             products);
  }
  template <class T>
  void BackwardX(Rows<const T> dy, const T* w, Rows<T> dx) const {
    Multiply(Product<T>{{dy.data, rows, out, dy.step, 1}, Dense(w, out, in), dx.data, dx.step},
             products);
  }
  template <class T>
  void BackwardW(Rows<const T> dy, Rows<const T> x, T* dw) const {
    const Matrix<T> turned{dy.data, out, rows, 1, dy.step};
    Multiply(Product<T>{turned, {x.data, rows, in, x.step, 1}, dw, in}, products);
  }
};

void Save(AutogradContext* context, const Tensor& x, const Tensor& w, Products products) {
  context->save_for_backward({x, w});
  SaveProducts(context, products);
}

// Empty like x and w, where their gradients are asked for.
struct Wanted {
  Tensor dx, dw;
  Wanted(AutogradContext* context, const Tensor& x, const Tensor& w) {
    if (context->needs_input_grad(0)) dx = torch::empty_like(x);
    if (context->needs_input_grad(1)) dw = torch::empty_like(w);
  }
};

struct LinearFunction : torch::autograd::Function<LinearFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x_in, const Tensor& w_in,
                        Products products) {
    const Tensor x = x_in.contiguous(), w = w_in.contiguous();
    std::vector<std::int64_t> shape = x.sizes().vec();
    shape.back() = w.size(0);
    Tensor y = torch::empty(shape, x.options());
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "Linear", [&] {
      const WeightShape s = ShapeOf(x, w, products);
      s.Forward<scalar_t>({x.data_ptr<scalar_t>(), s.in}, w.data_ptr<scalar_t>(),
                          {y.data_ptr<scalar_t>(), s.out});
    });
    Save(context, x, w, products);
    return y;
  }
  static variable_list backward(AutogradContext* context, const variable_list& d) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &w = saved[1], dy = d[0].contiguous();
    const Wanted wanted(context, x, w);
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "Linear", [&] {
      const WeightShape s = ShapeOf(x, w, SavedProducts(context));
      const Rows<const scalar_t> g{dy.data_ptr<scalar_t>(), s.out};
      if (wanted.dx.defined())
        s.BackwardX<scalar_t>(g, w.data_ptr<scalar_t>(), {wanted.dx.data_ptr<scalar_t>(), s.in});
      if (wanted.dw.defined())
        s.BackwardW<scalar_t>(g, {x.data_ptr<scalar_t>(), s.in}, wanted.dw.data_ptr<scalar_t>());
    });
    return {wanted.dx, wanted.dw, Tensor()};
  }

 private:
  static WeightShape ShapeOf(const Tensor& x, const Tensor& w, Products products) {
    return {x.numel() / x.size(-1), w.size(1), w.size(0), products};
  }
};

struct GroupedFunction : torch::autograd::Function<GroupedFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x_in, const Tensor& w_in,
                        const std::vector<std::int64_t>& offsets, Products products) {
    const Tensor x = x_in.contiguous(), w = w_in.contiguous();
    Tensor y = torch::empty({x.size(0), w.size(1)}, x.options());
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "GroupedLinear", [&] {
      const auto *rows = x.data_ptr<scalar_t>(), *weights = w.data_ptr<scalar_t>();
      auto* out = y.data_ptr<scalar_t>();
      ForExperts(offsets, w, products, [&](std::int64_t first, std::int64_t e, const auto& s) {
        s.template Forward<scalar_t>({rows + first * s.in, s.in}, weights + e * s.out * s.in,
                                     {out + first * s.out, s.out});
      });
    });
    Save(context, x, w, products);
    context->saved_data["offsets"] = offsets;
    return y;
  }
  static variable_list backward(AutogradContext* context, const variable_list& d) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &w = saved[1], dy = d[0].contiguous();
    const Wanted wanted(context, x, w);
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "GroupedLinear", [&] {
      const auto *rows = x.data_ptr<scalar_t>(), *weights = w.data_ptr<scalar_t>(),
                 *g = dy.data_ptr<scalar_t>();
      auto *dx = Data<scalar_t>(wanted.dx), *dw = Data<scalar_t>(wanted.dw);
      ForExperts(
          context->saved_data["offsets"].toIntVector(), w, SavedProducts(context),
          [&](std::int64_t first, std::int64_t e, const auto& s) {
            const Rows<const scalar_t> mine{g + first * s.out, s.out};
            const std::int64_t matrix = e * s.out * s.in;
            if (dx != nullptr)
              s.template BackwardX<scalar_t>(mine, weights + matrix, {dx + first * s.in, s.in});
            if (dw != nullptr)
              s.template BackwardW<scalar_t>(mine, {rows + first * s.in, s.in}, dw + matrix);
          });
    });
    return {wanted.dx, wanted.dw, Tensor(), Tensor()};
  }

 private:
  // f(first row of expert e, e, shape)
  template <class F>
  static void ForExperts(const std::vector<std::int64_t>& offsets, const Tensor& w,
                         Products products, F&& f) {
    for (std::size_t e = 0; e + 1 < offsets.size(); ++e)
      f(offsets[e], static_cast<std::int64_t>(e),
        WeightShape{offsets[e + 1] - offsets[e], w.size(2), w.size(1), products});
  }
  template <class T>
  static T* Data(const Tensor& x) {
    return x.defined() ? x.data_ptr<T>() : nullptr;
  }
};

struct GroupsFunction : torch::autograd::Function<GroupsFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x_in, const Tensor& w_in,
                        Products products) {
    const Tensor x = x_in.contiguous(), w = w_in.contiguous();
    Tensor y = torch::empty({x.size(0), x.size(1), w.size(1)}, x.options());
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "HeadGroups", [&] {
      const WeightShape s{x.size(0), w.size(2), w.size(1), products};
      const std::int64_t groups = w.size(0);
      for (std::int64_t g = 0; g < groups; ++g)
        s.Forward<scalar_t>({x.data_ptr<scalar_t>() + g * s.in, groups * s.in},
                            w.data_ptr<scalar_t>() + g * s.out * s.in,
                            {y.data_ptr<scalar_t>() + g * s.out, groups * s.out});
    });
    Save(context, x, w, products);
    return y;
  }
  static variable_list backward(AutogradContext* context, const variable_list& d) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &w = saved[1], dy = d[0].contiguous();
    Tensor dx = torch::empty_like(x), dw = torch::empty_like(w);
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "HeadGroups", [&] {
      const WeightShape s{x.size(0), w.size(2), w.size(1), SavedProducts(context)};
      const std::int64_t groups = w.size(0), x_step = groups * s.in;
      for (std::int64_t g = 0; g < groups; ++g) {
        const Rows<const scalar_t> mine{dy.data_ptr<scalar_t>() + g * s.out, groups * s.out};
        const std::int64_t matrix = g * s.out * s.in;
        s.BackwardX<scalar_t>(mine, w.data_ptr<scalar_t>() + matrix,
                              {dx.data_ptr<scalar_t>() + g * s.in, x_step});
        s.BackwardW<scalar_t>(mine, {x.data_ptr<scalar_t>() + g * s.in, x_step},
                              dw.data_ptr<scalar_t>() + matrix);
      }
    });
    return {dx, dw, Tensor()};
  }
};

}  // namespace

Tensor plain::Linear(const Tensor& x, const Tensor& w, Products products) {
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.back() = w.size(0);
  return MatMul(x.reshape({-1, x.size(-1)}), w.t(), products).view(shape);
}

Tensor plain::GroupedLinear(const Tensor& x, const Tensor& w,
                            const std::vector<std::int64_t>& offsets, Products products) {
  std::vector<std::int64_t> rows;
  for (std::size_t e = 0; e + 1 < offsets.size(); ++e) rows.push_back(offsets[e + 1] - offsets[e]);
  const std::vector<Tensor> xs = x.split_with_sizes(rows), ws = w.unbind();
  std::vector<Tensor> ys;
  for (std::size_t e = 0; e < ws.size(); ++e) ys.push_back(MatMul(xs[e], ws[e].t(), products));
  return torch::cat(ys);
}

Tensor plain::HeadGroups(const Tensor& x, const Tensor& w, Products products) {
  return MatMul(x.transpose(0, 1), w.transpose(1, 2), products).transpose(0, 1).contiguous();
}

Tensor Linear(const Tensor& x, const Tensor& w, Products products) {
  if (!HasKernels(x)) return plain::Linear(x, w, products);
  return LinearFunction::apply(x, w, products);
}

Tensor GroupedLinear(const Tensor& x, const Tensor& w, const std::vector<std::int64_t>& offsets,
                     Products products) {
  if (!HasKernels(x)) return plain::GroupedLinear(x, w, offsets, products);
  return GroupedFunction::apply(x, w, offsets, products);
}

Tensor HeadGroups(const Tensor& x, const Tensor& w, Products products) {
  if (!HasKernels(x)) return plain::HeadGroups(x, w, products);
  return GroupsFunction::apply(x, w, products);
}

}  // namespace hadal::train
