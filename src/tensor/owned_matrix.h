// Matrices that are derived from stored ones and hold their own memory, wholly or in part: for
// forms that the products need and files do not have. What they decode to is exactly what was
// stored.
#pragma once
#include <cstddef>
#include <optional>

#include "tensor/buffer.h"
#include "tensor/stored_matrix.h"

namespace hadal {

struct OwnedMatrix {
  StoredMatrix view;         // into memory, or partly where the original lies
  Buffer<std::byte> memory;  // moves with the view
};

// kFp8Block128F32 as kFp8Block128, its codes where they are. None: a scale is not a power of two
// that E8M0 has.
std::optional<OwnedMatrix> WithE8m0Scales(const StoredMatrix& w);

// [cols, rows]. FP8 stays FP8 where the blocks of w begin with its first row; other FP8 and FP4
// become float32. Float32 and BF16 stay what they are.
OwnedMatrix Transposed(const StoredMatrix& w);

}  // namespace hadal
