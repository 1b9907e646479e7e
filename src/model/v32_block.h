// DeepSeek-V3.2: attention, then a feed-forward part, each added to one residual stream.
//
//   x <- x + attention(norm(x));  x <- x + ffn(norm(x))     ffn: one gated unit, or experts
//   head    norm(x)
//   MTP     z = eh_proj [enorm(embed[next token]) ; hnorm(x)]
//
// A norm sees the sum in float32; then what is carried on is rounded to the activation type. So
// what leaves a layer is not rounded yet. The MTP block is given x as the last layer leaves it,
// before model.norm; the official code has none, and the release's norms take either.
// Source: DeepSeek-V3.2-Exp inference/model.py, Block, Transformer; DeepSeek-V3 report, section
// 2.2.
#pragma once
#include "model/architecture.h"

namespace hadal::model {

extern const Architecture kV32Architecture;

}  // namespace hadal::model
