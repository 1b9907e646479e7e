#include "train/head_loss.h"

#include <cmath>

#include "base/check.h"
#include "train/linear.h"
#include "train/parallel.h"
#include "train/plain.h"
#include "train/simd.h"
#include "train/tensor_products.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Logits in, weight (softmax(z) - onehot(target)) out; returns -weight log softmax(z)[target].
template <class T>
HADAL_TARGET_CLONES T LossAndSlope(T* z, std::int64_t count, std::int64_t target, T weight) {
  T top = z[0], sum = 0;
#pragma omp simd reduction(max : top)
  for (std::int64_t i = 0; i < count; ++i) top = Max(top, z[i]);
  const T wanted = z[target] - top;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < count; ++i) {
    z[i] = Exp(z[i] - top);
    sum += z[i];
  }
  const T factor = weight / sum;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) z[i] *= factor;
  z[target] -= weight;
  return weight * (std::log(sum) - wanted);
}

// All rows; returns the sum.
template <class T>
Tensor LossAndSlopes(const Tensor& targets, const Tensor& weights, std::int64_t vocab, T* z) {
  const T* weight = weights.data_ptr<T>();
  const auto* target = targets.data_ptr<std::int64_t>();
  return SumOverRows<double>(
      targets.numel(), 1, torch::kDouble, [&](std::int64_t begin, std::int64_t end, double* sum) {
        for (std::int64_t row = begin; row < end; ++row) {
          HADAL_CHECK(target[row] >= 0 && target[row] < vocab);
          *sum +=
              static_cast<double>(LossAndSlope(z + row * vocab, vocab, target[row], weight[row]));
        }
      });
}

struct HeadLossFunction : torch::autograd::Function<HeadLossFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x_in, const Tensor& w_in,
                        const Tensor& targets, const Tensor& weights, Products products) {
    const Tensor x = x_in.contiguous(), w = w_in.contiguous();
    const std::int64_t vocab = w.size(0);
    Tensor slopes = torch::empty({x.size(0), vocab}, x.options()), loss;
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "HeadLoss", [&] {
      auto* z = slopes.data_ptr<scalar_t>();
      Multiply(Product<scalar_t>{DenseOf<scalar_t>(x), DenseOf<scalar_t>(w).Turned(), z, vocab},
               products);
      loss = LossAndSlopes(targets.contiguous(), weights.contiguous(), vocab, z);
    });
    context->save_for_backward({x, w, slopes});
    SaveProducts(context, products);
    return loss.squeeze(0).to(x.scalar_type());
  }

  static variable_list backward(AutogradContext* context, const variable_list& d) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &w = saved[1], &slopes = saved[2];
    const Products products = SavedProducts(context);
    Tensor dx = torch::empty_like(x), dw = torch::empty_like(w);
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "HeadLoss", [&] {
      const auto factor = d[0].item<scalar_t>();
      const auto times = [&](const Matrix<scalar_t>& a, const Matrix<scalar_t>& b, Tensor& c) {
        Multiply(Product<scalar_t>{a, b, c.data_ptr<scalar_t>(), b.cols, nullptr, 0, factor},
                 products);
      };
      times(DenseOf<scalar_t>(slopes), DenseOf<scalar_t>(w), dx);
      times(DenseOf<scalar_t>(slopes).Turned(), DenseOf<scalar_t>(x), dw);
    });
    return {dx, dw, Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor plain::HeadLoss(const Tensor& x, const Tensor& w, const Tensor& targets,
                       std::int64_t ignored, Products products, const Tensor& weights) {
  namespace F = torch::nn::functional;
  F::CrossEntropyFuncOptions options;
  options.ignore_index(ignored);
  const Tensor logits = train::Linear(x, w, products);
  if (!weights.defined()) return F::cross_entropy(logits, targets, options.reduction(torch::kSum));
  return (F::cross_entropy(logits, targets, options.reduction(torch::kNone)) * weights).sum();
}

Tensor HeadLoss(const Tensor& x, const Tensor& w, const Tensor& targets, std::int64_t ignored,
                Products products, const Tensor& weights) {
  if (!HasKernels(x)) return plain::HeadLoss(x, w, targets, ignored, products, weights);
  HADAL_CHECK(targets.numel() == x.size(0));
  const Tensor each = weights.defined() ? weights : torch::ones({x.size(0)}, x.options());
  HADAL_CHECK(each.sizes() == targets.sizes() && each.scalar_type() == x.scalar_type());
  const Tensor kept = (targets != ignored).nonzero().squeeze(1);
  if (kept.numel() == x.size(0)) return HeadLossFunction::apply(x, w, targets, each, products);
  if (kept.numel() == 0) return (x.sum() + w.sum()) * 0;
  return HeadLossFunction::apply(x.index_select(0, kept), w, targets.index_select(0, kept),
                                 each.index_select(0, kept), products);
}

}  // namespace hadal::train
