// Attention over a sliding window and compressed entries, one shared key = value vector a token.
//
//   q = heads of wq_b RMSNorm(wq_a x), each normalised, rotated;  kv = RMSNorm(wkv x), rotated
//   o_h = sum_i p_hi kv_i,  p = softmax over window, entries and sink_h (which has no value)
//   y = wo_b concat_g( wo_a[g] o of group g, rotated back )
#pragma once
#include "reference/compressor.h"

namespace hadal::reference {

struct AttentionResult {
  Rows out;                           // [tokens, dim]
  std::vector<Selection> selections;  // CSA layers: one a token; otherwise empty
};

// x: the normalised inputs of all tokens from position 0.
AttentionResult Attend(const Attention& w, std::size_t ratio, const Rows& x, const Config& config,
                       const Rules& rules, const Rounding& round);

}  // namespace hadal::reference
