#include "reference/tensor_store.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/json.h"
#include "io/file.h"
#include "tensor/codec.h"

namespace hadal::reference {

void TensorStore::Add(const std::string& name, DType dtype, Shape shape, const void* data,
                      std::size_t bytes) {
  Entry entry{name, dtype, std::move(shape), std::vector<std::byte>(bytes)};
  if (bytes > 0) std::memcpy(entry.bytes.data(), data, bytes);
  entries_.push_back(std::move(entry));
}

void TensorStore::F32(const std::string& name, Shape shape, std::span<const float> values) {
  Add(name, DType::kF32, std::move(shape), values.data(), values.size_bytes());
}

void TensorStore::F32(const std::string& name, Shape shape, std::span<const double> values) {
  std::vector<float> narrow;
  for (double v : values) narrow.push_back(static_cast<float>(v));
  F32(name, std::move(shape), std::span<const float>(narrow));
}

void TensorStore::Bf16(const std::string& name, Shape shape, std::span<const float> values) {
  std::vector<std::uint16_t> codes;
  for (float v : values) codes.push_back(F32ToBf16(v));
  Add(name, DType::kBF16, std::move(shape), codes.data(), codes.size() * 2);
}

void TensorStore::I32(const std::string& name, Shape shape, std::span<const std::int64_t> values) {
  const std::vector<std::int32_t> narrow(values.begin(), values.end());
  Add(name, DType::kI32, std::move(shape), narrow.data(), narrow.size() * 4);
}

void TensorStore::I64(const std::string& name, Shape shape, std::span<const std::int64_t> values) {
  Add(name, DType::kI64, std::move(shape), values.data(), values.size_bytes());
}

void TensorStore::Weight(const std::string& name, std::uint64_t rows, std::uint64_t cols,
                         std::span<const float> values, Format format) {
  HADAL_CHECK(values.size() == rows * cols);
  switch (format) {
    case Format::kF32:
      return F32(name + ".weight", {rows, cols}, values);
    case Format::kBf16:
      return Bf16(name + ".weight", {rows, cols}, values);
    case Format::kFp8:
      return Fp8(name, rows, cols, values);
    case Format::kFp4:
      return Fp4(name, rows, cols, values);
  }
}

std::vector<float> TensorStore::Fp8Codes(const std::string& name, std::uint64_t rows,
                                         std::uint64_t cols, std::span<const float> values,
                                         ScaleRule rule) {
  const std::uint64_t row_blocks = (rows + 127) / 128, col_blocks = (cols + 127) / 128;
  std::vector<float> scales(row_blocks * col_blocks, 0.0f);
  const auto block = [&](std::uint64_t r, std::uint64_t c) {
    return r / 128 * col_blocks + c / 128;
  };
  for (std::uint64_t r = 0; r < rows; ++r)
    for (std::uint64_t c = 0; c < cols; ++c)
      scales[block(r, c)] = std::max(scales[block(r, c)], std::fabs(values[r * cols + c]));
  for (float& scale : scales) scale = Fp8Scale(scale, rule);
  std::vector<std::uint8_t> codes(values.size());
  for (std::uint64_t r = 0; r < rows; ++r)
    for (std::uint64_t c = 0; c < cols; ++c)
      codes[r * cols + c] = F32ToE4m3(values[r * cols + c] / scales[block(r, c)]);
  Add(name + ".weight", DType::kF8E4M3, {rows, cols}, codes.data(), codes.size());
  return scales;
}

void TensorStore::Fp8(const std::string& name, std::uint64_t rows, std::uint64_t cols,
                      std::span<const float> values) {
  std::vector<std::uint8_t> scales;
  for (const float scale : Fp8Codes(name, rows, cols, values, ScaleRule::kPowerOfTwo))
    scales.push_back(PowerOfTwoToE8m0(scale));
  Add(name + ".scale", DType::kF8E8M0, {(rows + 127) / 128, (cols + 127) / 128}, scales.data(),
      scales.size());
}

void TensorStore::V32Weight(const std::string& name, std::uint64_t rows, std::uint64_t cols,
                            std::span<const float> values, std::optional<ScaleRule> fp8) {
  HADAL_CHECK(values.size() == rows * cols);
  if (!fp8) return Bf16(name + ".weight", {rows, cols}, values);
  const std::vector<float> scales = Fp8Codes(name, rows, cols, values, *fp8);
  F32(name + ".weight_scale_inv", {(rows + 127) / 128, (cols + 127) / 128},
      std::span<const float>(scales));
}

void TensorStore::Fp4(const std::string& name, std::uint64_t rows, std::uint64_t cols,
                      std::span<const float> values) {
  HADAL_CHECK(cols % 32 == 0);
  std::vector<std::uint8_t> codes(values.size() / 2, 0), scales;
  for (std::size_t begin = 0; begin < values.size(); begin += 32) {
    float largest = 0;
    for (std::size_t i = begin; i < begin + 32; ++i)
      largest = std::max(largest, std::fabs(values[i]));
    const float scale = Fp4Scale(largest);
    scales.push_back(PowerOfTwoToE8m0(scale));
    for (std::size_t i = begin; i < begin + 32; ++i) {
      const int code = F32ToE2m1(values[i] / scale) << (i % 2 == 0 ? 0 : 4);
      codes[i / 2] = static_cast<std::uint8_t>(codes[i / 2] | code);
    }
  }
  Add(name + ".weight", DType::kI8, {rows, cols / 2}, codes.data(), codes.size());
  Add(name + ".scale", DType::kF8E8M0, {rows, cols / 32}, scales.data(), scales.size());
}

Status TensorStore::Write(const std::string& path, std::span<const Entry> entries) {
  std::vector<io::SafetensorsWriter::Declared> declared;
  for (const Entry& e : entries) declared.push_back({e.name, e.dtype, e.shape});
  HADAL_TRY(io::SafetensorsWriter writer, io::SafetensorsWriter::Create(path, declared));
  for (const Entry& e : entries) HADAL_TRY_STATUS(writer.Append(e.bytes));
  return writer.Finish();
}

Status TensorStore::WriteFile(const std::string& path) const { return Write(path, entries_); }

Status TensorStore::WriteModel(const std::string& directory, std::size_t shards) const {
  if (shards == 1) return Write(directory + "/model.safetensors", entries_);
  Json map = Json::MakeObject({});
  std::uint64_t bytes = 0;
  for (std::size_t s = 0; s < shards; ++s) {
    const std::string file = fmt::format("model-{:05}-of-{:05}.safetensors", s + 1, shards);
    const std::size_t begin = entries_.size() * s / shards;
    const std::size_t end = entries_.size() * (s + 1) / shards;
    const auto part = std::span<const Entry>(entries_).subspan(begin, end - begin);
    for (const Entry& e : part) {
      map.Set(e.name, file);
      bytes += e.bytes.size();
    }
    HADAL_TRY_STATUS(Write(fmt::format("{}/{}", directory, file), part));
  }
  const Json index = Json::MakeObject(
      {{"metadata", Json::MakeObject({{"total_size", bytes}})}, {"weight_map", std::move(map)}});
  return io::WriteFile(directory + "/model.safetensors.index.json", index.Dump(1));
}

}  // namespace hadal::reference
