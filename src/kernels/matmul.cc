#include "kernels/matmul.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/simd.h"
#include "tensor/codec.h"

namespace hadal::kernels {
namespace {

constexpr std::size_t kFp8Block = 128, kFp4Block = 32;

std::size_t CeilDiv(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

float LoadF32(const std::byte* p) {
  float v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

float LoadBf16(const std::byte* p) {
  std::uint16_t v;
  std::memcpy(&v, p, sizeof(v));
  return Bf16ToF32(v);
}

float DecodeFp8(const Weight& w, std::size_t row, std::size_t col) {
  const std::byte scale = w.Fp8ScaleRow(row)[col / kFp8Block];
  return E4m3ToF32(std::to_integer<std::uint8_t>(w.codes[row * w.cols + col])) *
         E8m0ToF32(std::to_integer<std::uint8_t>(scale));
}

float DecodeFp4(const Weight& w, std::size_t row, std::size_t col) {
  const auto pair = std::to_integer<std::uint8_t>(w.codes[row * (w.cols / 2) + col / 2]);
  const auto code = static_cast<std::uint8_t>(col % 2 == 0 ? pair & 15 : pair >> 4);
  const std::byte scale = w.scales[row * (w.cols / kFp4Block) + col / kFp4Block];
  return E2m1ToF32(code) * E8m0ToF32(std::to_integer<std::uint8_t>(scale));
}

float DecodeOne(const Weight& w, std::size_t row, std::size_t col) {
  switch (w.format) {
    case WeightFormat::kF32:
      return LoadF32(w.codes + (row * w.cols + col) * 4);
    case WeightFormat::kBf16:
      return LoadBf16(w.codes + (row * w.cols + col) * 2);
    case WeightFormat::kFp8Block128:
      return DecodeFp8(w, row, col);
    case WeightFormat::kFp4E8m0x32:
      return DecodeFp4(w, row, col);
  }
  return 0;
}

}  // namespace

std::size_t Weight::code_bytes() const {
  switch (format) {
    case WeightFormat::kF32:
      return rows * cols * 4;
    case WeightFormat::kBf16:
      return rows * cols * 2;
    case WeightFormat::kFp8Block128:
      return rows * cols;
    case WeightFormat::kFp4E8m0x32:
      return rows * (cols / 2);
  }
  return 0;
}

std::size_t Weight::scale_bytes() const {
  switch (format) {
    case WeightFormat::kF32:
    case WeightFormat::kBf16:
      return 0;
    case WeightFormat::kFp8Block128:
      return CeilDiv(first_row_in_block + rows, kFp8Block) * CeilDiv(cols, kFp8Block);
    case WeightFormat::kFp4E8m0x32:
      return rows * (cols / kFp4Block);
  }
  return 0;
}

Weight Weight::Rows(std::size_t begin, std::size_t count) const {
  HADAL_CHECK(begin <= rows && count <= rows - begin);
  Weight before = *this;
  before.rows = begin;
  Weight part = *this;
  part.rows = count;
  part.codes += before.code_bytes();
  if (format == WeightFormat::kFp8Block128) {
    part.scales = Fp8ScaleRow(begin);
    part.first_row_in_block = (first_row_in_block + begin) % kFp8Block;
  } else if (scales != nullptr) {
    part.scales += before.scale_bytes();
  }
  return part;
}

const std::byte* Weight::Fp8ScaleRow(std::size_t row) const {
  return scales + (first_row_in_block + row) / kFp8Block * CeilDiv(cols, kFp8Block);
}

void DecodeWeightRow(const Weight& w, std::size_t row, std::span<float> out) {
  HADAL_CHECK(row < w.rows && out.size() == w.cols);
  for (std::size_t k = 0; k < w.cols; ++k) out[k] = DecodeOne(w, row, k);
}

namespace ref {

void MatMul(View2<const float> x, const Weight& w, View2<float> y) {
  std::vector<float> decoded(w.cols);
  for (std::size_t n = 0; n < w.rows; ++n) {
    DecodeWeightRow(w, n, decoded);
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

UnitFunction SimdFunction(WeightFormat format) {
  switch (format) {
    case WeightFormat::kF32:
      return HADAL_ACTIVE(MatMulF32);
    case WeightFormat::kBf16:
      return HADAL_ACTIVE(MatMulBf16);
    case WeightFormat::kFp8Block128:
      return HADAL_ACTIVE(MatMulFp8Block128);
    case WeightFormat::kFp4E8m0x32:
      return HADAL_ACTIVE(MatMulFp4E8m0x32);
  }
  return nullptr;
}

// A job is cut into units: all blocks of rows for each block of tokens, in this order. The blocks of
// rows are cut where the whole matrix's would be, so that a unit's FP8 rows share their scales even
// in a view that begins inside a block of 128; then the first unit is `skipped` rows short.
struct Grid {
  explicit Grid(const MatMulJob& job)
      : unit_rows(job.x.rows() <= kDirectTokens ? kDirectRows : kUnitRows),
        skipped(job.w.first_row_in_block % unit_rows),
        rows(job.w.rows == 0 ? 0 : CeilDiv(skipped + job.w.rows, unit_rows)),
        tokens(CeilDiv(job.x.rows(), kUnitTokens)) {}
  std::size_t units() const { return rows * tokens; }
  std::size_t unit_rows, skipped, rows, tokens;
};

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
  const bool fp8 = w.format == WeightFormat::kFp8Block128;
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
    for (std::size_t k = 0; k < job.w.cols; ++k) sum += double{x[k]} * DecodeOne(job.w, n, k);
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
  HADAL_CHECK(job.w.format != WeightFormat::kFp4E8m0x32 || job.w.cols % kFp4Block == 0);
}

// Runs the units whose costs, summed in order, begin in [begin, end).
void RunShare(std::span<const MatMulJob> jobs, std::size_t begin, std::size_t end) {
  std::size_t before = 0;
  for (const MatMulJob& job : jobs) {
    const Grid grid(job);
    const std::size_t cost = UnitCost(job), after = before + grid.units() * cost;
    if (after > begin && before < end) {
      const std::size_t first = begin > before ? CeilDiv(begin - before, cost) : 0;
      const std::size_t last = std::min(CeilDiv(end - before, cost), grid.units());
      for (std::size_t unit = first; unit < last; ++unit) RunUnit(job, grid, unit);
    }
    before = after;
  }
}

}  // namespace

void MatMul(std::span<const MatMulJob> jobs, Threads& threads) {
  std::size_t cost = 0;
  for (const MatMulJob& job : jobs) {
    CheckJob(job);
    cost += Grid(job).units() * UnitCost(job);
  }
  if (ActiveIsa() == Isa::kRef) return MatMulPlain(jobs, threads);
  const std::size_t shares = threads.count();
  threads.Run(shares, [&](std::size_t share) {
    RunShare(jobs, cost / shares * share, share + 1 == shares ? cost : cost / shares * (share + 1));
  });
}

void MatMul(View2<const float> x, const Weight& w, View2<float> y, Threads& threads) {
  const MatMulJob job{x, w, y};
  MatMul(std::span(&job, 1), threads);
}

}  // namespace hadal::kernels
