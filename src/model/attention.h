// Hybrid attention of one layer: a sliding window, and compressed entries chosen by the indexer (CSA)
// or all of them (HCA), in one softmax with a sink; keys are values, shared by all heads.
//
//   qr = norm(wq_a x);  q = rope(rmsnorm_heads(wq_b qr));  kv = rope(norm(wkv x))
//   o_h = sum_j p_hj kv_j over the window and the compressed entries
//   y = wo_b concat_g(wo_a[g] rope^-1(o)_g)
//
// Source: FACTS.md D2; DeepSeek-V4 inference/model.py, Attention.
#pragma once
#include "model/pass.h"
#include "model/rope.h"
#include "model/weights.h"

namespace hadal::model {

// work.x [rows, dim] -> work.sub_out [rows, dim]; updates the sequences' state of this layer. Goes over
// the batch in parts (pass.h).
void Attend(Pass& pass, std::size_t layer, const Attention& attn, const RopeTables& tables);

}  // namespace hadal::model
