// The element types of published checkpoints, by their safetensors names.
#pragma once
#include <cstddef>
#include <optional>
#include <string_view>

namespace hadal {

enum class DType { kF32, kBF16, kF8E4M3, kF8E8M0, kI8, kU8, kI32, kI64 };

std::size_t DTypeBytes(DType dtype);
std::string_view DTypeName(DType dtype);                    // "F8_E4M3"
std::optional<DType> DTypeFromName(std::string_view name);  // none: not one of the above

}  // namespace hadal
