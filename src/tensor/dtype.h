// The element types of safetensors files, by their names there.
#pragma once
#include <cstddef>
#include <optional>
#include <string_view>

namespace hadal {

// First those of published checkpoints; files with the others can be looked into.
enum class DType {
  kF32,
  kBF16,
  kF8E4M3,
  kF8E8M0,
  kI8,
  kU8,
  kI32,
  kI64,
  kF64,
  kF16,
  kF8E5M2,
  kF6E2M3,
  kF6E3M2,
  kF4,
  kC64,
  kU64,
  kU32,
  kU16,
  kI16,
  kBool
};

std::size_t DTypeBits(DType dtype);
std::size_t DTypeBytes(DType dtype);      // 0 where a number has less than a whole one
std::string_view DTypeName(DType dtype);  // "F8_E4M3"
std::optional<DType> DTypeFromName(std::string_view name);  // none: not one of the above

}  // namespace hadal
