// Loops over rows on LibTorch's threads, for the operations written by hand here.
#pragma once
#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <algorithm>
#include <cstdint>

namespace hadal::train {

// f(begin, end) over pieces of [0, rows); each piece is worth about 16K elements of `row_elements`
// a row.
template <class F>
void ParallelRows(std::int64_t rows, std::int64_t row_elements, F&& f) {
  const std::int64_t grain =
      std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, row_elements));
  at::parallel_for(0, rows, grain, std::forward<F>(f));
}

// Sums over rows whose result must not depend on the number of threads: f(begin, end, partial) adds
// rows [begin, end) to the zeroed partial[width]; the partials of a fixed division are summed in
// order. Returns [width].
template <class T, class F>
torch::Tensor SumOverRows(std::int64_t rows, std::int64_t width, torch::ScalarType type, F&& f,
                          std::int64_t rows_per_piece = 64) {
  const std::int64_t pieces = std::clamp<std::int64_t>(rows / rows_per_piece, 1, 32);
  torch::Tensor partials = torch::zeros({pieces, width}, type);
  T* data = partials.data_ptr<T>();
  at::parallel_for(0, pieces, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      f(rows * i / pieces, rows * (i + 1) / pieces, data + i * width);
  });
  return partials.sum(0);
}

}  // namespace hadal::train
