#include "model/linear.h"

#include <algorithm>
#include <array>

namespace hadal::model {
namespace {

constexpr std::size_t kActivationBlock = 128;

}  // namespace

bool TakesIntegers(const arch::Numerics& numerics, const Weight& weight) {
  return numerics.integer_inputs && kernels::IsQuantized(weight.format);
}

void ForgetIntegers(Pass& pass) { pass.work.integers_used = 0; }

bool HasRoomForIntegers(const Pass& pass, View2<const float> x, const Weight& weight) {
  const kernels::RowFormat format = kernels::RowFormatFor(weight.format);
  return x.rows() * kernels::QuantizedRowBytes(format, x.cols()) <=
         pass.work.inputs.size() * sizeof(float) - pass.work.integers_used;
}

kernels::QuantizedRows IntegerRows(Pass& pass, View2<const float> x, const Weight& weight) {
  const kernels::RowFormat format = kernels::RowFormatFor(weight.format);
  const std::size_t stride = kernels::QuantizedRowBytes(format, x.cols());
  Workspace& work = pass.work;
  HADAL_CHECK(HasRoomForIntegers(pass, x, weight));
  std::byte* data = reinterpret_cast<std::byte*>(work.inputs.span().data()) + work.integers_used;
  work.integers_used += x.rows() * stride;
  ForEach(pass, x.rows(), [&](WorkerScratch&, std::size_t t) {
    kernels::QuantizeRow(format, x[t], data + t * stride);
  });
  return {format, x.cols(), data, stride, {}};
}

View2<const float> LinearInputOf(Pass& pass, View2<const float> x, const Weight& weight) {
  if (!pass.numerics.fp8_linear_inputs || !kernels::IsQuantized(weight.format)) return x;
  const View2<float> copy = pass.work.inputs.As(x.rows(), x.cols());
  ForEach(pass, x.rows(), [&](WorkerScratch&, std::size_t t) {
    std::ranges::copy(x[t], copy[t].begin());
    kernels::RoundFp8(copy[t], kActivationBlock);
  });
  return copy;
}

void LinearJobs::Run(Pass& pass) {
  if (!floats.empty()) kernels::MatMul(floats, pass.threads);
  if (!integers.empty()) kernels::MatMul(integers, pass.threads);
  for (const kernels::MatMulJob& job : floats) RoundActs(pass, job.y);
  for (const kernels::QuantizedMatMulJob& job : integers) RoundActs(pass, job.y);
}

void Linear(Pass& pass, View2<const float> x, std::initializer_list<LinearOut> outs,
            LinearInput input) {
  LinearJobs jobs;
  View2<const float> quantized;
  std::array<std::optional<kernels::QuantizedRows>, 2> rows;  // by RowFormat
  ForgetIntegers(pass);
  for (const LinearOut& out : outs) {
    const Weight& w = *out.weight;
    if (TakesIntegers(pass.numerics, w)) {
      auto& of_format = rows[static_cast<std::size_t>(kernels::RowFormatFor(w.format))];
      if (!of_format) of_format = IntegerRows(pass, x, w);
      jobs.integers.push_back({*of_format, w, out.y});
      continue;
    }
    View2<const float> in = x;
    if (input == LinearInput::kQuantize && kernels::IsQuantized(w.format)) {
      if (quantized.data() == nullptr) quantized = LinearInputOf(pass, x, w);
      in = quantized;
    }
    jobs.floats.push_back({in, w, out.y});
  }
  jobs.Run(pass);
}

void RoundActs(Pass& pass, View2<float> x) {
  if (!pass.numerics.bf16_activations) return;
  ForEach(pass, x.rows(), [&](WorkerScratch&, std::size_t t) { kernels::RoundBf16(x[t]); });
}

}  // namespace hadal::model
