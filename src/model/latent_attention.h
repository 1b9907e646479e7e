// Multi-head latent attention of DeepSeek-V3.2, absorbed: what a token keeps is one latent and one
// rotary key for all heads, and the heads' own maps W_UK and W_UV go into queries and outputs.
//
//   qr = norm(wq_a x);  [q_nope | q_pe] = wq_b qr;  [c | k_pe] = wkv_a x;  c <- norm(c)
//   q~_h = [W_UK_h^T q_nope_h | rope(q_pe_h)];      entry = [fp8(c) | rope(k_pe)]
//   o_h = sum_j softmax_j(q~_h . entry_j scale) c_j over the tokens that the indexer chose
//   y = wo concat_h(W_UV_h o_h)          scale = (nope + rope)^-1/2 (0.1 mscale ln(factor) + 1)^2
//
// Every chunk length takes this form, so that chunks change no bit. The maps' inputs are rounded to
// integers as the default numerics do it, never to FP8, as in the official decoding.
// Source: DeepSeek-V2 report, section 2.1; DeepSeek-V3.2-Exp inference/model.py, MLA.
#pragma once
#include "model/pass.h"
#include "model/weights.h"

namespace hadal::model {

// x [rows, dim] -> [rows, dim]; stores the batch's entries and index keys.
View2<const float> AttendLatents(const Pass& pass, std::size_t layer, const LatentAttention& attn,
                                 View2<const float> x, Arena::Scope& scope);
std::size_t AttendLatentsBytes(const arch::Config& config, std::size_t rows, std::size_t threads);

}  // namespace hadal::model
