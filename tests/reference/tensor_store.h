// Tensors in the formats of published checkpoints, collected in memory and written as one or more
// safetensors files with an index.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/safetensors.h"
#include "tensor/codec.h"

namespace hadal::reference {

enum class Format { kF32, kBf16, kFp8, kFp4 };

class TensorStore {
 public:
  using Shape = std::vector<std::uint64_t>;

  void F32(const std::string& name, Shape shape, std::span<const float> values);
  void F32(const std::string& name, Shape shape, std::span<const double> values);
  void Bf16(const std::string& name, Shape shape, std::span<const float> values);
  void I32(const std::string& name, Shape shape, std::span<const std::int64_t> values);
  void I64(const std::string& name, Shape shape, std::span<const std::int64_t> values);
  // NAME.weight, and for kFp8 and kFp4 also NAME.scale. kFp4: cols a multiple of 32.
  void Weight(const std::string& name, std::uint64_t rows, std::uint64_t cols,
              std::span<const float> values, Format format);

  // As DeepSeek-V3.2 stores it: FP8 with float32 scales NAME.weight_scale_inv; or none: BF16.
  void V32Weight(const std::string& name, std::uint64_t rows, std::uint64_t cols,
                 std::span<const float> values, std::optional<ScaleRule> fp8);

  Status WriteFile(const std::string& path) const;
  // model.safetensors, or `shards` files model-0000I-of-0000N.safetensors and their index.
  Status WriteModel(const std::string& directory, std::size_t shards) const;

 private:
  struct Entry {
    std::string name;
    DType dtype;
    Shape shape;
    std::vector<std::byte> bytes;
  };
  void Add(const std::string& name, DType dtype, Shape shape, const void* data, std::size_t bytes);
  // NAME.weight; returns the blocks' scales.
  std::vector<float> Fp8Codes(const std::string& name, std::uint64_t rows, std::uint64_t cols,
                              std::span<const float> values, ScaleRule rule);
  void Fp8(const std::string& name, std::uint64_t rows, std::uint64_t cols,
           std::span<const float> values);
  void Fp4(const std::string& name, std::uint64_t rows, std::uint64_t cols,
           std::span<const float> values);
  static Status Write(const std::string& path, std::span<const Entry> entries);
  std::vector<Entry> entries_;
};

}  // namespace hadal::reference
