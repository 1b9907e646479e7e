// The numbers of a stored tensor as they are computed with, whatever its format in the file.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "io/safetensors.h"

namespace hadal::io {

// Any dtype of the format (F32, BF16; F8_E4M3 with its 128x128 F8_E8M0 or F32 `scale`; I8 holding
// two FP4 codes a byte, low nibble the even column, with its 1x32 `scale`) as exact float32,
// row-major. `scale` is null for F32 and BF16. kInvalid: a scale that is missing or of the wrong
// shape.
Result<std::vector<float>> DecodeFloats(const TensorView& weight, const TensorView* scale);
// The same for rows [begin, begin + count) of a matrix, so that it need never be whole in memory. A
// tensor of another rank is one row.
Result<std::vector<float>> DecodeRows(const TensorView& weight, const TensorView* scale,
                                      std::size_t begin, std::size_t count);
// What the two check of a tensor before they decode it.
Status CheckFloats(const TensorView& weight, const TensorView* scale);
Result<std::vector<std::int64_t>> DecodeInts(const TensorView& tensor);  // I8, U8, I32, I64

}  // namespace hadal::io
