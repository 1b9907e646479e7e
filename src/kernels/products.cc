#include "kernels/products.h"

#include "base/check.h"

namespace hadal::kernels {
namespace {

constexpr ProductRow kRows[kProducts] = {
    {Product::kFloatMatrix, "bf16_matrix", "the BF16 kernel", Arithmetic::kF32Fma,
     RateUnit::kBytes},
    {Product::kFp8Matrix, "fp8_matrix", "the FP8 kernel", Arithmetic::kInt16Dot, RateUnit::kBytes},
    {Product::kFp4Matrix, "fp4_matrix", "the FP4 kernel", Arithmetic::kInt8Dot, RateUnit::kBytes},
    {Product::kIndexScores, "index_scores", "the index kernel", Arithmetic::kInt8Dot,
     RateUnit::kOperations},
    {Product::kAttention, "attention", "the attention kernel", Arithmetic::kF32Fma,
     RateUnit::kOperations},
};

struct ArithmeticRow {
  Arithmetic arithmetic;
  std::string_view name, avx2, avxvnni, avx512, neon, i8mm;
};

// What the lane headers' Fma, DotWords and DotBytes are made of; with I8MM squares, of words four.
constexpr ArithmeticRow kInstructions[kArithmetics] = {
    {Arithmetic::kF32Fma, "fp32_fma", "vfmadd", "vfmadd", "vfmadd", "fmla", "fmla"},
    {Arithmetic::kBf16Dot, "bf16_dot", "", "", "", "", ""},
    {Arithmetic::kInt16Dot, "int16_dot", "vpmaddwd", "vpdpwssd", "vpdpwssd", "smull", "smmla"},
    {Arithmetic::kInt8Dot, "int8_dot", "vpmaddubsw", "vpdpbusd", "vpdpbusd", "sdot", "smmla"},
};

const ArithmeticRow& RowOf(Arithmetic arithmetic) {
  const ArithmeticRow& row = kInstructions[static_cast<std::size_t>(arithmetic)];
  HADAL_CHECK(row.arithmetic == arithmetic);
  return row;
}

}  // namespace

std::string_view ArithmeticName(Arithmetic arithmetic) { return RowOf(arithmetic).name; }

std::string_view InstructionOf(Arithmetic arithmetic, Isa isa) {
  const ArithmeticRow& row = RowOf(arithmetic);
  switch (isa) {
    case Isa::kRef:
      return "";
    case Isa::kAvx2:
      return row.avx2;
    case Isa::kAvxVnni:
      return row.avxvnni;
    case Isa::kAvx512:
      return row.avx512;
    case Isa::kNeon:
      return row.neon;
    case Isa::kI8mm:
      return row.i8mm;
  }
  return "";
}

const ProductRow& RowOf(Product product) {
  const ProductRow& row = kRows[static_cast<std::size_t>(product)];
  HADAL_CHECK(row.product == product);
  return row;
}

Product ProductOf(StoredFormat format) {
  switch (format) {
    case StoredFormat::kFp8Block128:
      return Product::kFp8Matrix;
    case StoredFormat::kFp4Block32:
      return Product::kFp4Matrix;
    case StoredFormat::kF32:
    case StoredFormat::kBf16:
    case StoredFormat::kFp8Block128F32:  // scales of any value are not for integers
    case StoredFormat::kI64:             // not multiplied
      break;
  }
  return Product::kFloatMatrix;
}

}  // namespace hadal::kernels
