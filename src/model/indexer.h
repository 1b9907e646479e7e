// The lightning indexer of a CSA layer: which compressed entries a token attends.
//
//   q[h] = fp4(hadamard(rope(wq_b qr)[h]))     k_b = fp4(hadamard(rope(compress(x))))
//   score[b] = sum_h w[h] relu(q[h] . k_b)      w = weights_proj x * dim^-1/2 heads^-1/2
//
// A token at position p chooses the index_topk best of the floor((p+1)/4) entries it may see.
// Source: FACTS.md D4; DeepSeek-V4 inference/model.py, Indexer.
#pragma once
#include "model/pass.h"
#include "model/weights.h"

namespace hadal::model {

// x [rows, dim], q_latent [rows, q_lora_rank] -> work.selected [rows, topk], ascending, and
// work.selected_count. Stores the batch's indexer keys first.
void SelectEntries(Pass& pass, std::size_t layer, const Indexer& indexer,
                   std::span<const float> frequencies, View2<const float> x,
                   View2<const float> q_latent);

}  // namespace hadal::model
