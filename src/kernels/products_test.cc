#include "kernels/products.h"

#include <gtest/gtest.h>

#include <set>

#include "kernels/quantized_matmul.h"

namespace hadal::kernels {
namespace {

TEST(Products, HaveRowsOfTheirOwn) {
  std::set<std::string_view> keys = {kMemoryRead}, names;
  for (const Product product : kAllProducts) {
    EXPECT_EQ(RowOf(product).product, product);
    keys.insert(RowOf(product).key);
    names.insert(RowOf(product).name);
  }
  EXPECT_EQ(keys.size(), kProducts + 1);
  EXPECT_EQ(names.size(), kProducts);
}

// Weights meet integers exactly where the table says integer dots, and of the size that it says.
TEST(Products, TheKernelsChooseByTheTable) {
  for (const StoredFormat format : {StoredFormat::kF32, StoredFormat::kBf16,
                                    StoredFormat::kFp8Block128, StoredFormat::kFp4Block32}) {
    const Arithmetic arithmetic = ArithmeticOf(ProductOf(format));
    EXPECT_EQ(IsQuantized(format), arithmetic != Arithmetic::kF32Fma);
    if (!IsQuantized(format)) continue;
    EXPECT_EQ(QuantizedRowBytes(RowFormatFor(format), 128),
              arithmetic == Arithmetic::kInt8Dot ? 128 + 4 * 8 : 2 * 128 + 4 * 4);
  }
}

TEST(Products, EverySetNamesItsInstructions) {
  for (const Product product : kAllProducts) {
    EXPECT_EQ(InstructionOf(ArithmeticOf(product), Isa::kRef), "");
    for (const Isa isa : {Isa::kAvx2, Isa::kAvxVnni, Isa::kAvx512, Isa::kNeon, Isa::kI8mm})
      EXPECT_NE(InstructionOf(ArithmeticOf(product), isa), "") << RowOf(product).key;
  }
  EXPECT_EQ(InstructionOf(Arithmetic::kBf16Dot, Isa::kAvx512), "");
}

}  // namespace
}  // namespace hadal::kernels
