// Sharing out the rows of a batch, for operations that do a little with each number of a row: a few
// rows are the caller's alone, as telling other threads would take longer.
#pragma once
#include <cstddef>
#include <utility>

#include "base/threads.h"

namespace hadal::kernels {

// Nanoseconds a number, roughly.
inline constexpr double kCopying = 0.05, kAdding = 0.1, kNorming = 0.25, kRounding = 0.5,
                        kExponents = 1;

// f(t) for every t in [0, rows), each of `cols` numbers.
template <class F>
void ShareRows(std::size_t rows, std::size_t cols, double ns_a_number, Threads& threads, F&& f) {
  threads.Run(rows, ns_a_number * static_cast<double>(cols), std::forward<F>(f));
}

}  // namespace hadal::kernels
