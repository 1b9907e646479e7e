#include "kernels/quantized_matmul.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "kernels/products.h"
#include "kernels/share_units.h"
#include "kernels/simd.h"
#include "tensor/codec.h"

namespace hadal::kernels {
namespace {

std::size_t CeilDiv(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

template <class T>
T LoadAt(const std::byte* p, std::size_t index) {
  T v;
  std::memcpy(&v, p + index * sizeof(T), sizeof(T));
  return v;
}

float ScaleAt(const std::byte* scales, std::size_t block) {
  return E8m0ToF32(std::to_integer<std::uint8_t>(scales[block]));
}

// Twice the value of an E2M1 code.
int TwiceFp4(std::uint8_t code) { return static_cast<int>(2 * E2m1ToF32(code)); }

// 512 times the magnitude of an E4M3 code.
int Fp8Magnitude(std::uint8_t code) {
  const int e = code >> 3 & 15, m = code & 7;
  return e == 0 ? m : (8 + m) << (e - 1);
}

// Of an E4M3 or E2M1 code at column k of row n, in units of 2^-9 or 2^-1.
int CodeAt(const Weight& w, std::size_t n, std::size_t k) {
  if (w.format == StoredFormat::kFp4Block32) {
    const auto pair = std::to_integer<std::uint8_t>(w.codes[n * (w.cols / 2) + k / 2]);
    return TwiceFp4(static_cast<std::uint8_t>(k % 2 == 0 ? pair & 15 : pair >> 4));
  }
  const auto code = std::to_integer<std::uint8_t>(w.codes[n * w.cols + k]);
  return code < 128 ? Fp8Magnitude(code) : -Fp8Magnitude(code);
}

float Dot(const QuantizedMatMulJob& job, std::size_t token, std::size_t n) {
  const Weight& w = job.w;
  const bool fp4 = w.format == StoredFormat::kFp4Block32;
  const std::byte* x = job.x.Row(token);
  const std::size_t padded = CeilDiv(w.cols, 128) * 128;
  std::vector<std::int32_t> blocks(padded / kRowBlock);
  for (std::size_t k = 0; k < w.cols; ++k) {
    const std::size_t at = QuantizedPlace(job.x.format, k);
    const int q = fp4 ? LoadAt<std::int8_t>(x, at) : LoadAt<std::int16_t>(x, at);
    blocks[QuantizedBlock(job.x.format, k)] += q * CodeAt(w, n, k);
  }
  float sums[4] = {};
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    if (fp4 && b * kRowBlock >= w.cols) break;
    const std::byte* of_w = fp4 ? w.scales + n * (w.cols / kRowBlock) : w.Fp8ScaleRow(n);
    const float of_x = LoadAt<float>(x + padded * (fp4 ? 1 : 2), b);
    const float scale = of_x * ScaleAt(of_w, fp4 ? b : b / 4);
    sums[b % 4] = std::fma(static_cast<float>(blocks[b]), scale, sums[b % 4]);
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]) + 0.0f;  // one zero
}

void MatMulPlain(std::span<const QuantizedMatMulJob> jobs, Threads& threads) {
  for (const QuantizedMatMulJob& job : jobs)
    threads.Run(job.w.rows, [&](std::size_t n) {
      for (std::size_t t = 0; t < job.y.rows(); ++t) job.y[t][n] = Dot(job, t, n);
    });
}

void CheckJob(const QuantizedMatMulJob& job) {
  HADAL_CHECK(IsQuantized(job.w.format) && job.x.format == RowFormatFor(job.w.format));
  HADAL_CHECK(job.x.cols == job.w.cols && job.y.cols() == job.w.rows && job.w.cols > 0);
  HADAL_CHECK(job.x.pick.empty() || job.x.pick.size() == job.y.rows());
}

// A job is cut into units: all blocks of tokens for each block of rows, in this order.
struct Grid {
  explicit Grid(const QuantizedMatMulJob& job)
      : rows(CeilDiv(job.w.rows, kQuantizedRows)),
        tokens(CeilDiv(job.y.rows(), kQuantizedTokens)) {}
  std::size_t units() const { return rows * tokens; }
  std::size_t rows, tokens;
};

// Of one thread, roughly, and of a row's cost below.
constexpr double kProductsANanosecond = 400;

// What a unit costs, roughly, a row: decoding a weight is worth some tokens; FP8 is worth two FP4.
std::size_t UnitCost(const QuantizedMatMulJob& job) {
  constexpr std::size_t kDecodeTokens = 8;
  const std::size_t weight = job.w.format == StoredFormat::kFp4Block32 ? 1 : 2;
  return weight * job.w.cols * (std::min(job.y.rows(), kQuantizedTokens) + kDecodeTokens);
}

using UnitFunction = void (*)(const QuantizedUnit&);

UnitFunction SimdFunction(StoredFormat format) {
  return ArithmeticOf(ProductOf(format)) == Arithmetic::kInt8Dot ? HADAL_ACTIVE(MatMulInt8Fp4)
                                                                 : HADAL_ACTIVE(MatMulInt16Fp8);
}

void RunUnit(const QuantizedMatMulJob& job, const Grid& grid, std::size_t index) {
  const Weight& w = job.w;
  const std::size_t first_row = index / grid.tokens * kQuantizedRows;
  const std::size_t first_token = index % grid.tokens * kQuantizedTokens;
  const std::size_t tokens = std::min(kQuantizedTokens, job.y.rows() - first_token);
  std::array<const std::uint8_t*, kQuantizedTokens> x;
  std::array<float*, kQuantizedTokens> y;
  for (std::size_t t = 0; t < tokens; ++t) {
    x[t] = reinterpret_cast<const std::uint8_t*>(job.x.Row(first_token + t));
    y[t] = &job.y[first_token + t][first_row];
  }
  const bool fp4 = w.format == StoredFormat::kFp4Block32;
  const std::size_t code_bytes = fp4 ? w.cols / 2 : w.cols;
  const std::size_t scale_bytes = fp4 ? w.cols / kRowBlock : CeilDiv(w.cols, 128);
  const std::byte* scales = fp4 ? w.scales + first_row * scale_bytes : w.Fp8ScaleRow(first_row);
  const QuantizedUnit unit{
      .x = x.data(),
      .y = y.data(),
      .codes = reinterpret_cast<const std::uint8_t*>(w.codes) + first_row * code_bytes,
      .scales = reinterpret_cast<const std::uint8_t*>(scales),
      .tokens = tokens,
      .rows = std::min(kQuantizedRows, w.rows - first_row),
      .cols = w.cols,
      .code_bytes = code_bytes,
      .scale_bytes = scale_bytes,
      .first_row_in_block = (w.first_row_in_block + first_row) % 128};
  SimdFunction(w.format)(unit);
}

void RunUnits(const QuantizedMatMulJob& job, std::size_t first, std::size_t last) {
  const Grid grid(job);
  for (std::size_t unit = first; unit < last; ++unit) RunUnit(job, grid, unit);
}

}  // namespace

RowFormat RowFormatFor(StoredFormat format) {
  return ArithmeticOf(ProductOf(format)) == Arithmetic::kInt8Dot ? RowFormat::kInt8Block32
                                                                 : RowFormat::kInt16Block32;
}

namespace ref {

void MatMul(const QuantizedMatMulJob& job) {
  CheckJob(job);
  const Weight& w = job.w;
  const bool fp4 = w.format == StoredFormat::kFp4Block32;
  std::vector<double> x(w.cols);
  for (std::size_t t = 0; t < job.y.rows(); ++t) {
    DequantizeRow(job.x.format, job.x.Row(t), x);
    for (std::size_t n = 0; n < w.rows; ++n) {
      const std::byte* scales = fp4 ? w.scales + n * (w.cols / kRowBlock) : w.Fp8ScaleRow(n);
      double sum = 0;
      for (std::size_t k = 0; k < w.cols; ++k)
        sum += x[k] * CodeAt(w, n, k) * (fp4 ? 0x1p-1 : 0x1p-9) *
               double{ScaleAt(scales, k / (fp4 ? kRowBlock : 128))};
      job.y[t][n] = static_cast<float>(sum);
    }
  }
}

}  // namespace ref

void MatMul(std::span<const QuantizedMatMulJob> jobs, Threads& threads) {
  for (const QuantizedMatMulJob& job : jobs) CheckJob(job);
  if (ActiveIsa() == Isa::kRef) return MatMulPlain(jobs, threads);
  ShareUnits(
      jobs, kQuantizedRows / kProductsANanosecond, threads,
      [](const QuantizedMatMulJob& job) { return Grid(job).units(); }, UnitCost, RunUnits);
}

}  // namespace hadal::kernels
