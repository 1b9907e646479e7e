// The lightning indexer's choice for a batch of tokens: each one's best entries of its own
// sequence.
//
//   chosen[t,:] = the k best, by the score of index_scores.h, of the first visible[t] keys of
//                 row t, ascending (all of them, if there are no more than k); equal scores: the
//                 lower entry
//
//   rows    [rows]               where the keys lie; a page's keys follow one another
//   q       [rows, heads * dim]  f32, read: rounded already as its numerics say
//   w       [rows, heads]        f32, read
//   packed  [rows, PackedIndexQueryBytes], or none: queries and keys both FP4 as published, scores
//           in integers (packed_index_scores.h); q and w are not read then
//   chosen  [rows, k]            u32, the first min(visible, k) of each row written
//
// Numbers  a row's scores depend on its query and its keys alone. A single row's pages are shared
//          out among the threads, else the rows are, some neighbours of one sequence together:
//          which entries are best does not depend on who scored them, nor beside whom.
// Caller   best, SelectRowsTogether a thread, for k; scratch [threads, SelectScratchFloats].
// Source   report, "Lightning indexer"; DeepSeek-V4 inference/model.py, Indexer.forward.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/threads.h"
#include "kernels/entries.h"
#include "kernels/index_scores.h"
#include "kernels/rounding.h"
#include "tensor/view.h"

namespace hadal::kernels {

struct IndexedEntries {  // of one row
  PagedEntries keys;
  std::size_t visible = 0;
};

struct IndexQueries {
  KeyFormat format;  // of the keys
  Rounding rounding = Rounding::kNone;
  View2<const float> q, w;
  View2<const std::byte> packed;
};

// How many rows a thread scores together, at most: while their queries stay in the first-level
// cache. The fewer heads, the dearer are the keys' decoding and the way to them beside the
// products.
std::size_t SelectRowsTogether(std::size_t heads, std::size_t dim);
std::size_t SelectScratchFloats(std::size_t page_entries, std::size_t heads, std::size_t dim);
void SelectRows(std::span<const IndexedEntries> rows, const IndexQueries& queries,
                View2<std::uint32_t> chosen, std::span<TopK> best, View2<float> scratch,
                Threads& threads);

namespace ref {  // all scores at once, in f64
void SelectRows(std::span<const IndexedEntries> rows, const IndexQueries& queries,
                View2<std::uint32_t> chosen);
}

}  // namespace hadal::kernels
