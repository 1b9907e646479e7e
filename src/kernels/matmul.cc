#include "kernels/matmul.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/products.h"
#include "kernels/share_units.h"
#include "kernels/simd.h"
#include "tensor/codec.h"

namespace hadal::kernels {
namespace {

std::size_t CeilDiv(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

}  // namespace

bool IsQuantized(StoredFormat format) {
  return ArithmeticOf(ProductOf(format)) != Arithmetic::kF32Fma;
}

namespace ref {

void MatMul(View2<const float> x, const Weight& w, View2<float> y) {
  std::vector<float> decoded(w.cols);
  for (std::size_t n = 0; n < w.rows; ++n) {
    DecodeRow(w, n, decoded);
    for (std::size_t t = 0; t < x.rows(); ++t) {
      const std::span<const float> row = x[t];
      double sum = 0;
      for (std::size_t k = 0; k < w.cols; ++k) sum += double{row[k]} * decoded[k];
      y[t][n] = static_cast<float>(sum);
    }
  }
}

}  // namespace ref

namespace {

using UnitFunction = void (*)(const MatMulUnit&);

UnitFunction SimdFunction(StoredFormat format) {
  switch (format) {
    case StoredFormat::kF32:
      return HADAL_ACTIVE(MatMulF32);
    case StoredFormat::kBf16:
      return HADAL_ACTIVE(MatMulBf16);
    case StoredFormat::kFp8Block128:
      return HADAL_ACTIVE(MatMulFp8Block128);
    case StoredFormat::kFp8Block128F32:
      return HADAL_ACTIVE(MatMulFp8F32Block128);
    case StoredFormat::kFp4Block32:
      return HADAL_ACTIVE(MatMulFp4E8m0x32);
    default:
      return nullptr;  // CheckJob lets no other format come here
  }
}

// A job is cut into units: all blocks of rows for each block of tokens, in this order. The blocks
// of rows are cut where the whole matrix's would be, so that a unit's FP8 rows share their scales
// even in a view that begins inside a block of 128; then the first unit is `skipped` rows short.
struct Grid {
  explicit Grid(const MatMulJob& job)
      : unit_rows(job.x.rows() <= kDirectTokens ? kDirectRows : kUnitRows),
        skipped(job.w.first_row_in_block % unit_rows),
        rows(job.w.rows == 0 ? 0 : CeilDiv(skipped + job.w.rows, unit_rows)),
        tokens(CeilDiv(job.x.rows(), kUnitTokens)) {}
  std::size_t units() const { return rows * tokens; }
  std::size_t unit_rows, skipped, rows, tokens;
};

// Of one thread, roughly, and of a unit's cost below.
constexpr double kProductsANanosecond = 100;

// What a unit costs, roughly, in products: decoding a weight is worth some tokens.
std::size_t UnitCost(const MatMulJob& job) {
  constexpr std::size_t kDecodeTokens = 4;
  return Grid(job).unit_rows * job.w.cols * (std::min(job.x.rows(), kUnitTokens) + kDecodeTokens);
}

void RunUnit(const MatMulJob& job, const Grid& grid, std::size_t index) {
  const Weight& w = job.w;
  const std::size_t block = index / grid.tokens;
  const std::size_t first_row = block == 0 ? 0 : block * grid.unit_rows - grid.skipped;
  const std::size_t end = std::min((block + 1) * grid.unit_rows - grid.skipped, w.rows);
  const std::size_t first_token = index % grid.tokens * kUnitTokens;
  const std::size_t rows = end - first_row;
  const View2<const float> x =
      job.x.Rows(first_token, std::min(kUnitTokens, job.x.rows() - first_token));
  const View2<float> y = job.y.Rows(first_token, x.rows()).Cols(first_row, rows);
  const UnitFunction simd = SimdFunction(w.format);
  const bool fp8 = LayoutOf(w.format).block_rows == 128;
  const std::size_t code_bytes = w.code_bytes() / w.rows;
  const std::size_t scale_bytes = fp8 ? 0 : w.scale_bytes() / w.rows;
  const std::byte* scales = fp8 ? w.Fp8ScaleRow(first_row) : w.scales + first_row * scale_bytes;
  const MatMulUnit unit{
      .x = x.data(),
      .codes = reinterpret_cast<const std::uint8_t*>(w.codes) + first_row * code_bytes,
      .scales = reinterpret_cast<const std::uint8_t*>(scales),
      .y = y.data(),
      .tokens = x.rows(),
      .rows = rows,
      .cols = w.cols,
      .x_stride = x.stride(),
      .y_stride = y.stride(),
      .code_bytes = code_bytes,
      .scale_bytes = scale_bytes};
  simd(unit);
}

// Each output by the definition; no scratch.
void RunRowPlain(const MatMulJob& job, std::size_t n) {
  for (std::size_t t = 0; t < job.x.rows(); ++t) {
    const std::span<const float> x = job.x[t];
    double sum = 0;
    for (std::size_t k = 0; k < job.w.cols; ++k) sum += double{x[k]} * job.w.At(n, k);
    job.y[t][n] = static_cast<float>(sum);
  }
}

void MatMulPlain(std::span<const MatMulJob> jobs, Threads& threads) {
  for (const MatMulJob& job : jobs)
    threads.Run(job.w.rows, [&](std::size_t n) { RunRowPlain(job, n); });
}

void CheckJob(const MatMulJob& job) {
  HADAL_CHECK(job.x.cols() == job.w.cols && job.y.cols() == job.w.rows);
  HADAL_CHECK(job.x.rows() == job.y.rows() && job.w.cols > 0);
  const StoredFormat format = job.w.format;
  HADAL_CHECK(format != StoredFormat::kI64);
  HADAL_CHECK(format != StoredFormat::kFp4Block32 || job.w.cols % 32 == 0);
}

void RunUnits(const MatMulJob& job, std::size_t first, std::size_t last) {
  const Grid grid(job);
  for (std::size_t unit = first; unit < last; ++unit) RunUnit(job, grid, unit);
}

}  // namespace

void MatMul(std::span<const MatMulJob> jobs, Threads& threads) {
  for (const MatMulJob& job : jobs) CheckJob(job);
  if (ActiveIsa() == Isa::kRef) return MatMulPlain(jobs, threads);
  ShareUnits(
      jobs, 1 / kProductsANanosecond, threads,
      [](const MatMulJob& job) { return Grid(job).units(); }, UnitCost, RunUnits);
}

void MatMul(View2<const float> x, const Weight& w, View2<float> y, Threads& threads) {
  const MatMulJob job{x, w, y};
  MatMul(std::span(&job, 1), threads);
}

}  // namespace hadal::kernels
