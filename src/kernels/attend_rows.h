// Attention of a batch of tokens, each over entries of its own sequence, where they lie.
//
//   out[t,h,:] = attention (attention.h) of q[t,h,:] over row t's entries: positions [window_begin,
//   position] of its window, ascending, then its compressed entries, ascending
//
//   rows  [rows]                    what each row attends
//   q     [rows, heads * head_dim]  f32  read, and replaced by the outputs
//   scale                           f32  of the scores, as attention.h
//   sink  [heads]                   f32  read; -infinity: a head without one
//
// Numbers  as attention.h; tiles are cut where a row's own list says, so its bits depend on its
//          entries alone. A single row's heads are shared out among the threads, else the rows are.
// Caller   every row attends at least one entry. scratch [threads, AttendScratchFloats].
// Cost     4 * heads * head_dim flops and an entry's bytes for each entry of each row.
// Source   report, "Hybrid attention"; DeepSeek-V4 inference/kernel.py, sparse_attn.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/threads.h"
#include "kernels/entries.h"
#include "tensor/view.h"

namespace hadal::kernels {

struct AttendedEntries {  // of one row
  WindowEntries window;
  std::uint64_t window_begin = 0;  // position
  std::size_t window_count = 0;
  PagedEntries compressed;
  std::size_t compressed_count = 0;
  std::span<const std::uint32_t>
      chosen;  // compressed_count entry numbers, or empty: the first ones

  std::size_t size() const { return window_count + compressed_count; }
  const std::byte* operator[](std::size_t index) const {
    if (index < window_count) return window[window_begin + index];
    const std::size_t i = index - window_count;
    return compressed[chosen.empty() ? i : chosen[i]];
  }
};

std::size_t AttendScratchFloats(std::size_t heads, std::size_t head_dim);
void AttendRows(std::span<const AttendedEntries> rows, const EntryFormat& format, float scale,
                std::span<const float> sink, View2<float> q, View2<float> scratch,
                Threads& threads);

namespace ref {  // f64, all entries at once
void AttendRows(std::span<const AttendedEntries> rows, const EntryFormat& format, float scale,
                std::span<const float> sink, View2<float> q);
}

}  // namespace hadal::kernels
