#include "model/linear.h"

#include <algorithm>

#include "kernels/block_quant.h"
#include "kernels/rms_norm.h"
#include "kernels/rows.h"

namespace hadal::model {
namespace {

constexpr std::size_t kActivationBlock = 128;

std::size_t RowsBytes(kernels::RowFormat format, std::size_t rows, std::size_t cols) {
  return Arena::BytesOf<std::byte>(rows, kernels::QuantizedRowBytes(format, cols));
}

kernels::QuantizedRows IntegerRows(const Context& context, View2<const float> x,
                                   kernels::RowFormat format, Arena::Scope& scope) {
  const View2<std::byte> rows =
      scope.Take<std::byte>(x.rows(), kernels::QuantizedRowBytes(format, x.cols()));
  kernels::QuantizeRows(format, x, rows, context.threads);
  return {format, x.cols(), rows.data(), rows.stride(), {}};
}

View2<const float> RoundedCopy(const Context& context, View2<const float> x, Arena::Scope& scope) {
  const View2<float> copy = scope.Take<float>(x.rows(), x.cols());
  kernels::CopyRows(x, copy, context.threads);
  kernels::RoundFp8(context.config.scale_rule, copy, kActivationBlock, context.threads);
  return copy;
}

}  // namespace

void RoundActs(const Context& context, View2<float> x) {
  if (context.numerics.bf16_activations) kernels::RoundBf16(x, context.threads);
}

void NormaliseRows(const Context& context, View2<const float> x, std::span<const float> gain,
                   View2<float> y) {
  kernels::RmsNorm(x, gain, static_cast<float>(context.config.rms_norm_eps), y, context.threads);
  RoundActs(context, y);
}

LinearInput LinearInput::Rows(std::size_t begin, std::size_t count) const {
  LinearInput part = *this;
  if (plain.data() != nullptr) part.plain = plain.Rows(begin, count);
  if (rounded.data() != nullptr) part.rounded = rounded.Rows(begin, count);
  for (kernels::QuantizedRows& rows : part.integers) {
    if (rows.pick.empty())
      rows.data += begin * rows.stride;
    else
      rows.pick = rows.pick.subspan(begin, count);
  }
  return part;
}

LinearInput LinearInput::Every(std::size_t step, std::size_t first, std::size_t count) const {
  const auto every = [&](View2<const float> x) {
    if (x.data() == nullptr) return x;
    return View2<const float>(x[first].data(), count, x.cols(), step * x.stride());
  };
  LinearInput part{.plain = every(plain), .rounded = every(rounded), .integers = integers};
  for (kernels::QuantizedRows& rows : part.integers) {
    HADAL_CHECK(rows.pick.empty());
    rows.data += first * rows.stride;
    rows.stride *= step;
  }
  return part;
}

bool TakesIntegers(const arch::Numerics& numerics, const Weight& weight) {
  return numerics.integer_inputs && kernels::IsQuantized(weight.format);
}

bool TakesRounded(const Weight& weight) { return LayoutOf(weight.format).scaled(); }

LinearInput PrepareInput(const Context& context, View2<const float> x,
                         std::span<const Weight* const> weights, Arena::Scope& scope) {
  LinearInput input{.plain = x, .rounded = {}, .integers = {}};
  for (const Weight* weight : weights) {
    if (!TakesRounded(*weight)) continue;
    if (TakesIntegers(context.numerics, *weight)) {
      const kernels::RowFormat format = kernels::RowFormatFor(weight->format);
      kernels::QuantizedRows& rows = input.integers[static_cast<std::size_t>(format)];
      if (rows.data == nullptr) rows = IntegerRows(context, x, format, scope);
    } else if (input.rounded.data() == nullptr) {
      input.rounded = context.numerics.fp8_linear_inputs ? RoundedCopy(context, x, scope) : x;
    }
  }
  return input;
}

LinearInput PrepareUnrounded(const Context& context, View2<const float> x,
                             std::span<const Weight* const> weights, Arena::Scope& scope) {
  if (!context.numerics.integer_inputs) return {.plain = x, .rounded = x, .integers = {}};
  LinearInput input = PrepareInput(context, x, weights, scope);
  input.rounded = x;
  return input;
}

std::size_t LinearInputBytes(std::size_t rows, std::size_t cols) {
  return std::max(RowsBytes(kernels::RowFormat::kInt16Block32, rows, cols) +
                      RowsBytes(kernels::RowFormat::kInt8Block32, rows, cols),
                  Arena::BytesOf<float>(rows, cols));
}

std::size_t IntegerInputBytes(std::size_t rows, std::size_t cols) {
  return std::max(RowsBytes(kernels::RowFormat::kInt16Block32, rows, cols),
                  RowsBytes(kernels::RowFormat::kInt8Block32, rows, cols));
}

void LinearJobs::Add(const Context& context, const LinearInput& x, const Weight& weight,
                     View2<float> y) {
  if (TakesIntegers(context.numerics, weight)) {
    const auto format = static_cast<std::size_t>(kernels::RowFormatFor(weight.format));
    integers_.push_back({x.integers[format], weight, y});
  } else {
    floats_.push_back({TakesRounded(weight) ? x.rounded : x.plain, weight, y});
  }
}

void LinearJobs::Run(const Context& context) {
  if (!floats_.empty()) kernels::MatMul(floats_, context.threads);
  if (!integers_.empty()) kernels::MatMul(integers_, context.threads);
  for (const kernels::MatMulJob& job : floats_) RoundActs(context, job.y);
  for (const kernels::QuantizedMatMulJob& job : integers_) RoundActs(context, job.y);
}

View2<float> Linear(const Context& context, View2<const float> x, const Weight& weight,
                    Arena::Scope& scope) {
  const View2<float> y = scope.Take<float>(x.rows(), weight.rows);
  Linear(context, x, {{&weight, y}}, scope.arena());
  return y;
}

void Linear(const Context& context, View2<const float> x, std::initializer_list<LinearOut> outs,
            Arena& arena) {
  Arena::Scope scope(arena);
  std::vector<const Weight*> weights;
  for (const LinearOut& out : outs) weights.push_back(out.weight);
  const LinearInput input = PrepareInput(context, x, weights, scope);
  LinearJobs jobs;
  for (const LinearOut& out : outs) jobs.Add(context, input, *out.weight, out.y);
  jobs.Run(context);
}

}  // namespace hadal::model
