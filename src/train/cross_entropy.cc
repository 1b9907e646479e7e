#include "train/cross_entropy.h"

#include <cmath>

#include "base/check.h"
#include "train/parallel.h"
#include "train/plain.h"
#include "train/simd.h"

namespace hadal::train {
namespace {

using torch::Tensor;

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

}  // namespace

Tensor plain::SumOfCrossEntropy(const Tensor& logits, const Tensor& targets, std::int64_t ignored) {
  namespace F = torch::nn::functional;
  const Tensor losses = F::cross_entropy(
      logits, targets, F::CrossEntropyFuncOptions().ignore_index(ignored).reduction(torch::kNone));
  return losses.to(torch::kDouble).sum().to(logits.scalar_type());
}

Tensor SumOfCrossEntropy(const Tensor& logits_in, const Tensor& targets_in, std::int64_t ignored) {
  HADAL_CHECK(!logits_in.requires_grad());  // it would end here
  if (!HasKernels(logits_in)) return plain::SumOfCrossEntropy(logits_in, targets_in, ignored);
  const Tensor logits = logits_in.contiguous(), targets = targets_in.contiguous();
  const std::int64_t rows = logits.size(0), vocab = logits.size(1);
  HADAL_CHECK(targets.numel() == rows);
  const auto* target = targets.data_ptr<std::int64_t>();
  Tensor loss;
  AT_DISPATCH_FLOATING_TYPES(logits.scalar_type(), "CrossEntropy", [&] {
    const auto* z = logits.data_ptr<scalar_t>();
    loss = SumOverRows<double>(
        rows, 1, torch::kDouble, [&](std::int64_t begin, std::int64_t end, double* sum) {
          for (std::int64_t row = begin; row < end; ++row) {
            if (target[row] == ignored) continue;
            HADAL_CHECK(target[row] >= 0 && target[row] < vocab);
            const scalar_t log_sum = LogSum(z + row * vocab, vocab);
            *sum += static_cast<double>(log_sum - z[row * vocab + target[row]]);
          }
        });
  });
  return loss.squeeze(0).to(logits.scalar_type());
}

}  // namespace hadal::train
