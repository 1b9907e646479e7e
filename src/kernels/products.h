// The products that a forward pass is made of, and which arithmetic computes each: one table, which
// the kernels choose by, and which whoever measures or predicts them asks.
//
//   product       x                      with              arithmetic  kernel
//   kFloatMatrix  float32 rows           F32 or BF16       fp32_fma    matmul.h
//   kFp8Matrix    int16 rows             FP8, block 128    int16_dot   quantized_matmul.h
//   kFp4Matrix    int8 rows              FP4, E8M0 x32     int8_dot    quantized_matmul.h
//   kIndexScores  FP4 queries            stored FP4 keys   int8_dot    packed_index_scores.h
//   kAttention    queries, then weights  decoded entries   fp32_fma    attention.h
//
// These are the default numerics'. What arch::Numerics can ask for besides (FP8 and FP4 weights
// with float rows, index scores in floats) is float32 FMA throughout.
//
// Router, head, mixing of streams, the indexer's weights and the compressors have BF16 or F32
// weights: they are kFloatMatrix.
#pragma once
#include <cstddef>
#include <string_view>

#include "kernels/isa.h"
#include "tensor/stored_format.h"

namespace hadal::kernels {

// What a processor's peak is measured of: machine/measure.h.
enum class Arithmetic { kF32Fma, kBf16Dot, kInt16Dot, kInt8Dot };
inline constexpr std::size_t kArithmetics = 4;
std::string_view ArithmeticName(Arithmetic arithmetic);  // "fp32_fma", "int16_dot": in JSON

// The instruction that does it in a set's kernels, "vpdpbusd"; empty: none does (plain C++ has
// none, and no kernel uses BF16 dots). tools/check_instructions.py looks for them in the compiled
// kernels.
std::string_view InstructionOf(Arithmetic arithmetic, Isa isa);

enum class Product { kFloatMatrix, kFp8Matrix, kFp4Matrix, kIndexScores, kAttention };
inline constexpr std::size_t kProducts = 5;
inline constexpr Product kAllProducts[kProducts] = {Product::kFloatMatrix, Product::kFp8Matrix,
                                                    Product::kFp4Matrix, Product::kIndexScores,
                                                    Product::kAttention};

// What limits a product with one row, and so what its rate is told in: bytes of stored weights
// read, or operations (two a multiply-add) over entries that caches hold.
enum class RateUnit { kBytes, kOperations };

struct ProductRow {
  Product product;
  std::string_view key;   // of its rate in JSON: "fp8_matrix"
  std::string_view name;  // of its kernel: "the FP8 kernel"
  Arithmetic arithmetic;
  RateUnit rate;
};
const ProductRow& RowOf(Product product);
inline Arithmetic ArithmeticOf(Product product) { return RowOf(product).arithmetic; }

// Of a weight in a stored format, as the default numerics multiply it.
Product ProductOf(StoredFormat format);

// The key, beside the products', of the rate of reading memory.
inline constexpr std::string_view kMemoryRead = "memory_read";

}  // namespace hadal::kernels
