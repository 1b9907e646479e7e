#include "kernels/matmul.h"

#include <cstring>
#include <vector>

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

void DecodeFp8Row(const Weight& w, std::size_t row, std::span<float> out) {
  const std::byte* codes = w.codes + row * w.cols;
  const std::byte* scales = w.Fp8ScaleRow(row);
  for (std::size_t k = 0; k < w.cols; ++k)
    out[k] = E4m3ToF32(std::to_integer<std::uint8_t>(codes[k])) *
             E8m0ToF32(std::to_integer<std::uint8_t>(scales[k / kFp8Block]));
}

void DecodeFp4Row(const Weight& w, std::size_t row, std::span<float> out) {
  const std::byte* codes = w.codes + row * (w.cols / 2);
  const std::byte* scales = w.scales + row * (w.cols / kFp4Block);
  for (std::size_t k = 0; k < w.cols; ++k) {
    const auto pair = std::to_integer<std::uint8_t>(codes[k / 2]);
    const auto code = static_cast<std::uint8_t>(k % 2 == 0 ? pair & 15 : pair >> 4);
    out[k] = E2m1ToF32(code) * E8m0ToF32(std::to_integer<std::uint8_t>(scales[k / kFp4Block]));
  }
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
  switch (w.format) {
    case WeightFormat::kF32:
      for (std::size_t k = 0; k < w.cols; ++k) out[k] = LoadF32(w.codes + (row * w.cols + k) * 4);
      return;
    case WeightFormat::kBf16:
      for (std::size_t k = 0; k < w.cols; ++k) out[k] = LoadBf16(w.codes + (row * w.cols + k) * 2);
      return;
    case WeightFormat::kFp8Block128:
      return DecodeFp8Row(w, row, out);
    case WeightFormat::kFp4E8m0x32:
      return DecodeFp4Row(w, row, out);
  }
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

void CheckJob(const MatMulJob& job) {
  HADAL_CHECK(job.x.cols() == job.w.cols && job.y.cols() == job.w.rows);
  HADAL_CHECK(job.x.rows() == job.y.rows());
  HADAL_CHECK(job.w.format != WeightFormat::kFp4E8m0x32 || job.w.cols % kFp4Block == 0);
}

}  // namespace

void MatMul(std::span<const MatMulJob> jobs, Threads&) {
  for (const MatMulJob& job : jobs) {
    CheckJob(job);
    ref::MatMul(job.x, job.w, job.y);
  }
}

void MatMul(View2<const float> x, const Weight& w, View2<float> y, Threads& threads) {
  const MatMulJob job{x, w, y};
  MatMul(std::span(&job, 1), threads);
}

}  // namespace hadal::kernels
