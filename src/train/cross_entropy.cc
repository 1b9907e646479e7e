#include "train/cross_entropy.h"

#include <cmath>

#include "base/check.h"
#include "train/parallel.h"
#include "train/simd.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// log of the sum of exp(z)
template <class T>
HADAL_TARGET_CLONES T LogSum(const T* z, std::int64_t count) {
  T top = z[0], sum = 0;
#pragma omp simd reduction(max : top)
  for (std::int64_t i = 0; i < count; ++i) top = Max(top, z[i]);
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < count; ++i) sum += Exp(z[i] - top);
  return top + std::log(sum);
}

// d = factor * softmax(z)
template <class T>
HADAL_TARGET_CLONES void ScaledSoftmax(const T* z, std::int64_t count, T log_sum, T factor, T* d) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) d[i] = factor * Exp(z[i] - log_sum);
}

struct CrossEntropyFunction : torch::autograd::Function<CrossEntropyFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& logits_in, const Tensor& targets_in,
                        std::int64_t ignored) {
    const Tensor logits = logits_in.contiguous(), targets = targets_in.contiguous();
    const std::int64_t rows = logits.size(0), vocab = logits.size(1);
    HADAL_CHECK(targets.numel() == rows);
    Tensor log_sums = torch::zeros({rows}, logits.options()), loss;
    const auto* target = targets.data_ptr<std::int64_t>();
    AT_DISPATCH_FLOATING_TYPES(logits.scalar_type(), "CrossEntropy", [&] {
      const auto* z = logits.data_ptr<scalar_t>();
      auto* log_sum = log_sums.data_ptr<scalar_t>();
      loss = SumOverRows<double>(
          rows, 1, torch::kDouble, [&](std::int64_t begin, std::int64_t end, double* sum) {
            for (std::int64_t row = begin; row < end; ++row) {
              if (target[row] == ignored) continue;
              HADAL_CHECK(target[row] >= 0 && target[row] < vocab);
              log_sum[row] = LogSum(z + row * vocab, vocab);
              *sum += static_cast<double>(log_sum[row] - z[row * vocab + target[row]]);
            }
          });
    });
    context->save_for_backward({logits, targets, log_sums});
    context->saved_data["ignored"] = ignored;
    return loss.squeeze(0).to(logits.scalar_type());
  }

  static variable_list backward(AutogradContext* context, const variable_list& d) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &logits = saved[0], &log_sums = saved[2];
    const auto* target = saved[1].data_ptr<std::int64_t>();
    const std::int64_t ignored = context->saved_data["ignored"].toInt(), vocab = logits.size(1);
    Tensor dlogits = torch::empty_like(logits);
    AT_DISPATCH_FLOATING_TYPES(logits.scalar_type(), "CrossEntropy", [&] {
      const auto factor = d[0].item<scalar_t>();
      const auto *z = logits.data_ptr<scalar_t>(), *log_sum = log_sums.data_ptr<scalar_t>();
      auto* out = dlogits.data_ptr<scalar_t>();
      ParallelRows(logits.size(0), vocab, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
          scalar_t* const mine = out + row * vocab;
          if (target[row] == ignored) {
            std::fill_n(mine, vocab, scalar_t{0});
            continue;
          }
          ScaledSoftmax(z + row * vocab, vocab, log_sum[row], factor, mine);
          mine[target[row]] -= factor;
        }
      });
    });
    return {dlogits, Tensor(), Tensor()};
  }
};

}  // namespace

Tensor SumOfCrossEntropy(const Tensor& logits, const Tensor& targets, std::int64_t ignored) {
  return CrossEntropyFunction::apply(logits, targets, ignored);
}

}  // namespace hadal::train
