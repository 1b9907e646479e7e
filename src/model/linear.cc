#include "model/linear.h"

#include <algorithm>

namespace hadal::model {
namespace {

constexpr std::size_t kActivationBlock = 128;
constexpr std::size_t kMaxOuts = 4;

bool IsQuantized(const Weight& weight) {
  return weight.format == kernels::WeightFormat::kFp8Block128 ||
         weight.format == kernels::WeightFormat::kFp4E8m0x32;
}

}  // namespace

View2<const float> LinearInputOf(Pass& pass, View2<const float> x, const Weight& weight) {
  if (!pass.numerics.fp8_linear_inputs || !IsQuantized(weight)) return x;
  const View2<float> copy = pass.work.quantized.As(x.rows(), x.cols());
  ForEach(pass, x.rows(), [&](WorkerScratch&, std::size_t t) {
    std::ranges::copy(x[t], copy[t].begin());
    kernels::RoundFp8(copy[t], kActivationBlock);
  });
  return copy;
}

void LinearJobs(Pass& pass, std::span<const kernels::MatMulJob> jobs) {
  kernels::MatMul(jobs, pass.threads);
  for (const kernels::MatMulJob& job : jobs) RoundActs(pass, job.y);
}

void Linear(Pass& pass, View2<const float> x, std::initializer_list<LinearOut> outs,
            LinearInput input) {
  HADAL_CHECK(outs.size() <= kMaxOuts);
  kernels::MatMulJob jobs[kMaxOuts];
  std::size_t count = 0;
  View2<const float> quantized;
  for (const LinearOut& out : outs) {
    View2<const float> in = x;
    if (input == LinearInput::kQuantize && IsQuantized(*out.weight)) {
      if (quantized.data() == nullptr) quantized = LinearInputOf(pass, x, *out.weight);
      in = quantized;
    }
    jobs[count++] = {in, *out.weight, out.y};
  }
  LinearJobs(pass, std::span(jobs).first(count));
}

void RoundActs(Pass& pass, View2<float> x) {
  if (!pass.numerics.bf16_activations) return;
  ForEach(pass, x.rows(), [&](WorkerScratch&, std::size_t t) { kernels::RoundBf16(x[t]); });
}

}  // namespace hadal::model
