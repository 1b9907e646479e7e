#include "cost/engine_products.h"

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

}  // namespace hadal::cost
