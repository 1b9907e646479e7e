#include "tensor/dtype.h"

#include <array>

namespace hadal {
namespace {
struct Entry {
  DType dtype;
  std::string_view name;
  std::size_t bytes;
};
constexpr std::array kTypes = {
    Entry{DType::kF32, "F32", 4},        Entry{DType::kBF16, "BF16", 2},
    Entry{DType::kF8E4M3, "F8_E4M3", 1}, Entry{DType::kF8E8M0, "F8_E8M0", 1},
    Entry{DType::kI8, "I8", 1},          Entry{DType::kU8, "U8", 1},
    Entry{DType::kI32, "I32", 4},        Entry{DType::kI64, "I64", 8},
};
}  // namespace

std::size_t DTypeBytes(DType dtype) { return kTypes[static_cast<std::size_t>(dtype)].bytes; }

std::string_view DTypeName(DType dtype) { return kTypes[static_cast<std::size_t>(dtype)].name; }

std::optional<DType> DTypeFromName(std::string_view name) {
  for (const Entry& entry : kTypes)
    if (entry.name == name) return entry.dtype;
  return std::nullopt;
}

}  // namespace hadal
