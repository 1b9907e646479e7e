// The gated compressor: every `ratio` tokens become one entry.
//
//   kv_t = wkv x_t,  g_t = wgate x_t + ape[t mod ratio]
//   ratio 128: entry b pools tokens 128b .. 128b+127
//   ratio 4:   entry b pools 8 candidates: tokens 4(b-1) .. 4b-1 with their first half of channels
//              and tokens 4b .. 4b+3 with their second half (entry 0: the latter only)
//   entry = rope(norm(sum_r softmax_r(g) kv), position ratio * b)          per channel
//
// Rows of earlier tokens wait in the sequence's tail, a ring (rings.h).
// Source: report, eq. 9-12; DeepSeek-V4 inference/model.py, Compressor.
#pragma once
#include "model/pass.h"
#include "model/weights.h"

namespace hadal::model {

enum class EntryKind { kAttention, kIndexKey };

// Computes the batch's kv and gate rows, writes every entry that the batch completes into its
// sequence's pages, and leaves the newest rows in the tails. x [rows, dim].
void Compress(const Pass& pass, std::size_t layer, const Compressor& compressor, EntryKind kind,
              View2<const float> x, Arena& arena);
std::size_t CompressBytes(const arch::Config& config, EntryKind kind, std::size_t rows,
                          std::size_t threads);

}  // namespace hadal::model
