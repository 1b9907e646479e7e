#include "tensor/dtype.h"

#include <array>

namespace hadal {
namespace {
struct Entry {
  DType dtype;
  std::string_view name;
  std::size_t bits;
};
// Source: github.com/huggingface/safetensors, safetensors/src/tensor.rs, Dtype.
constexpr std::array kTypes = {
    Entry{DType::kF32, "F32", 32},       Entry{DType::kBF16, "BF16", 16},
    Entry{DType::kF8E4M3, "F8_E4M3", 8}, Entry{DType::kF8E8M0, "F8_E8M0", 8},
    Entry{DType::kI8, "I8", 8},          Entry{DType::kU8, "U8", 8},
    Entry{DType::kI32, "I32", 32},       Entry{DType::kI64, "I64", 64},
    Entry{DType::kF64, "F64", 64},       Entry{DType::kF16, "F16", 16},
    Entry{DType::kF8E5M2, "F8_E5M2", 8}, Entry{DType::kF6E2M3, "F6_E2M3", 6},
    Entry{DType::kF6E3M2, "F6_E3M2", 6}, Entry{DType::kF4, "F4", 4},
    Entry{DType::kC64, "C64", 64},       Entry{DType::kU64, "U64", 64},
    Entry{DType::kU32, "U32", 32},       Entry{DType::kU16, "U16", 16},
    Entry{DType::kI16, "I16", 16},       Entry{DType::kBool, "BOOL", 8},
};
static_assert(kTypes.size() == static_cast<std::size_t>(DType::kBool) + 1);
}  // namespace

std::size_t DTypeBits(DType dtype) { return kTypes[static_cast<std::size_t>(dtype)].bits; }

std::size_t DTypeBytes(DType dtype) { return DTypeBits(dtype) / 8; }

std::string_view DTypeName(DType dtype) { return kTypes[static_cast<std::size_t>(dtype)].name; }

std::optional<DType> DTypeFromName(std::string_view name) {
  for (const Entry& entry : kTypes)
    if (entry.name == name) return entry.dtype;
  return std::nullopt;
}

}  // namespace hadal
