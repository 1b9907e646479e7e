// Hybrid attention of one layer: a sliding window, and compressed entries chosen by the indexer
// (CSA) or all of them (HCA), in one softmax with a sink; keys are values, shared by all heads.
//
//   qr = norm(wq_a x);  q = rope(rmsnorm_heads(wq_b qr));  kv = rope(norm(wkv x))
//   o_h = sum_j p_hj kv_j over the window and the compressed entries
//   y = wo_b concat_g(wo_a[g] rope^-1(o)_g)
//
// Source: report, "Hybrid attention"; DeepSeek-V4 inference/model.py, Attention.
#pragma once
#include <algorithm>

#include "model/pass.h"
#include "model/weights.h"

namespace hadal::model {

// Attention goes over a batch in parts of at most so many rows, so that the wide intermediate rows
// (queries: heads * head_dim) take bounded memory. By the contract that chunks change nothing,
// neither does this.
inline constexpr std::size_t kAttentionRows = 256;

// attend(a part of the pass, its first row), part after part.
template <class F>
void ForAttentionParts(const Pass& pass, F&& attend) {
  if (pass.rows() <= kAttentionRows) return attend(pass, 0);  // no need to copy the batch
  for (std::size_t begin = 0; begin < pass.rows(); begin += kAttentionRows) {
    const Batch part = pass.batch.Rows(begin, std::min(kAttentionRows, pass.rows() - begin));
    attend(pass.Part(part), begin);
  }
}

// x [rows, dim] -> [rows, dim]; updates the sequences' state of this layer.
View2<const float> Attend(const Pass& pass, std::size_t layer, const Attention& attn,
                          View2<const float> x, Arena::Scope& scope);
std::size_t AttendBytes(const arch::Config& config, const arch::KvLayout& layout, std::size_t rows,
                        std::size_t threads);

}  // namespace hadal::model
