#include "io/decode.h"

#include <cstring>
#include <new>
#include <optional>

#include "tensor/stored_matrix.h"

namespace hadal::io {
namespace {

// The bytes of a dtype read without regard to alignment.
template <class T>
T LoadAt(std::span<const std::byte> data, std::size_t index) {
  T value;
  std::memcpy(&value, data.data() + index * sizeof(T), sizeof(T));
  return value;
}

// Of what is left in its file, that file's header has been checked.
Result<std::size_t> CountOf(const TensorView& tensor) {
  std::uint64_t count = 1;
  for (const std::uint64_t dimension : tensor.shape)
    if (__builtin_mul_overflow(count, dimension, &count))
      return Fail(Code::kInvalid, "shape {} is too large", FormatShape(tensor.shape));
  if (!tensor.in_memory) return static_cast<std::size_t>(count);
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(count, DTypeBytes(tensor.dtype), &bytes) ||
      bytes != tensor.data.size()) {
    return Fail(Code::kInvalid, "found {} bytes of data, expected those of {} {}",
                tensor.data.size(), DTypeName(tensor.dtype), FormatShape(tensor.shape));
  }
  return static_cast<std::size_t>(count);
}

std::optional<DType> DTypeOf(const TensorView* scale) {
  return scale == nullptr ? std::nullopt : std::optional(scale->dtype);
}

// What a tensor's numbers are, with I8 as packed FP4: [rows, cols], not bytes.
TensorShape NumbersOf(const TensorView& weight) {
  TensorShape shape = weight.shape;
  if (!shape.empty()) shape.back() *= LayoutOf(*FormatOfCodes(weight.dtype)).numbers_a_code;
  return shape;
}

Status CheckScale(const TensorView& weight, const TensorView* scale) {
  const char* kind = weight.dtype == DType::kI8 ? "I8 (FP4)" : "F8_E4M3";
  if (weight.shape.size() != 2) {
    return Fail(Code::kInvalid, "{} of shape {}, expected two dimensions", kind,
                FormatShape(weight.shape));
  }
  if (weight.dtype == DType::kI8 && weight.shape[1] % 16 != 0) {
    return Fail(Code::kInvalid, "{} of shape {}, expected rows of whole 16-byte blocks", kind,
                FormatShape(weight.shape));
  }
  const TensorShape expected = ScaleShape(*FormatOfCodes(weight.dtype), NumbersOf(weight));
  if (scale == nullptr) {
    return Fail(Code::kInvalid, "{} of shape {} has no scale, expected one of F8_E8M0 {}", kind,
                FormatShape(weight.shape), FormatShape(expected));
  }
  const StoredFormat format = *FormatOfCodes(weight.dtype, scale->dtype);
  if (LayoutOf(format).scales != scale->dtype || scale->shape != expected) {
    return Fail(Code::kInvalid, "scale of {} {}: found {} {}, expected F8_E8M0 {}", kind,
                FormatShape(weight.shape), DTypeName(scale->dtype), FormatShape(scale->shape),
                FormatShape(expected));
  }
  HADAL_TRY([[maybe_unused]] const std::size_t count, CountOf(*scale));
  return Unit{};
}

}  // namespace

Status CheckFloats(const TensorView& weight, const TensorView* scale) {
  const bool scaled = weight.dtype == DType::kF8E4M3 || weight.dtype == DType::kI8;
  if (!scaled && weight.dtype != DType::kF32 && weight.dtype != DType::kBF16) {
    return Fail(Code::kInvalid, "found dtype {}, expected F32, BF16, F8_E4M3 or I8 (FP4)",
                DTypeName(weight.dtype));
  }
  if (!scaled && scale != nullptr)
    return Fail(Code::kInvalid, "found a scale, expected none for {}", DTypeName(weight.dtype));
  HADAL_TRY([[maybe_unused]] const std::size_t count, CountOf(weight));
  return scaled ? CheckScale(weight, scale) : Status(Unit{});
}

Result<std::vector<float>> DecodeRows(const TensorView& weight, const TensorView* scale,
                                      std::size_t begin, std::size_t count) {
  HADAL_TRY_STATUS(CheckFloats(weight, scale));
  const TensorShape numbers = NumbersOf(weight);
  const bool matrix = numbers.size() == 2;
  StoredMatrix stored{.format = *FormatOfCodes(weight.dtype, DTypeOf(scale)),
                      .rows = matrix ? numbers[0] : 1,
                      .cols = 1,
                      .codes = weight.data.data(),
                      .scales = scale == nullptr ? nullptr : scale->data.data()};
  for (std::size_t i = matrix ? 1 : 0; i < numbers.size(); ++i) stored.cols *= numbers[i];
  HADAL_CHECK(begin <= stored.rows && count <= stored.rows - begin);

  std::vector<float> out;
  try {
    out.resize(count * stored.cols);
  } catch (const std::bad_alloc&) {
    return Fail(Code::kExhausted, "not enough memory for {} numbers", count * stored.cols);
  }
  for (std::size_t row = 0; !out.empty() && row < count; ++row)
    DecodeRow(stored, begin + row, std::span(out).subspan(row * stored.cols, stored.cols));
  return out;
}

Result<std::vector<float>> DecodeFloats(const TensorView& weight, const TensorView* scale) {
  return DecodeRows(weight, scale, 0, weight.shape.size() == 2 ? weight.shape[0] : 1);
}

Result<std::vector<std::int64_t>> DecodeInts(const TensorView& tensor) {
  HADAL_TRY(const std::size_t count, CountOf(tensor));
  std::vector<std::int64_t> out(count);
  switch (tensor.dtype) {
    case DType::kI8:
      for (std::size_t i = 0; i < count; ++i) {
        // A signed number, not a character.
        out[i] = LoadAt<std::int8_t>(tensor.data, i);  // NOLINT(bugprone-signed-char-misuse)
      }
      return out;
    case DType::kU8:
      for (std::size_t i = 0; i < count; ++i) out[i] = LoadAt<std::uint8_t>(tensor.data, i);
      return out;
    case DType::kI32:
      for (std::size_t i = 0; i < count; ++i) out[i] = LoadAt<std::int32_t>(tensor.data, i);
      return out;
    case DType::kI64:
      for (std::size_t i = 0; i < count; ++i) out[i] = LoadAt<std::int64_t>(tensor.data, i);
      return out;
    default:
      return Fail(Code::kInvalid, "found dtype {}, expected I8, U8, I32 or I64",
                  DTypeName(tensor.dtype));
  }
}

}  // namespace hadal::io
