#include "cost/engine_products.h"

#include "base/check.h"

namespace hadal::cost {

std::optional<kernels::Product> EngineProduct(Work work) {
  switch (work) {
    case Work::kFp8Matrix:
    case Work::kOutputA:  // FP8 in the file, and used as stored
      return kernels::Product::kFp8Matrix;
    case Work::kFp4Experts:
      return kernels::Product::kFp4Matrix;
    case Work::kBf16Matrix:
    case Work::kCompressor:
      return kernels::Product::kFloatMatrix;
    case Work::kCoreAttention:
      return kernels::Product::kAttention;
    case Work::kIndexFp4:
      return kernels::Product::kIndexScores;
    case Work::kNone:
    case Work::kAbsorbed:
    case Work::kIndexFp8:
      break;
  }
  return {};
}

std::string_view ManyRowsKey(kernels::Product matrix) {
  switch (matrix) {
    case kernels::Product::kFloatMatrix:
      return "bf16_matrix_many_rows";
    case kernels::Product::kFp8Matrix:
      return "fp8_matrix_many_rows";
    case kernels::Product::kFp4Matrix:
      return "fp4_matrix_many_rows";
    case kernels::Product::kIndexScores:
    case kernels::Product::kAttention:
      break;
  }
  HADAL_CHECK(false);
}

}  // namespace hadal::cost
