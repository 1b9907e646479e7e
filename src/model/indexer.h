// The lightning indexer of a CSA layer: which compressed entries a token attends.
//
//   q[h] = fp4(hadamard(rope(wq_b qr)[h]))     k_b = fp4(hadamard(rope(compress(x))))
//   score[b] = sum_h w[h] relu(q[h] . k_b)      w = weights_proj x * dim^-1/2 heads^-1/2
//
// A token at position p chooses the index_topk best of the floor((p+1)/4) entries it may see.
// Source: report, "Lightning indexer"; DeepSeek-V4 inference/model.py, Indexer.
#pragma once
#include "model/pass.h"
#include "model/selection.h"
#include "model/weights.h"

namespace hadal::model {

// x [rows, dim], q_latent [rows, q_lora_rank]. Stores the batch's indexer keys first.
Selection SelectEntries(const Pass& pass, std::size_t layer, const Indexer& indexer,
                        View2<const float> x, View2<const float> q_latent, Arena::Scope& scope);
// Beside the Selection.
std::size_t SelectEntriesBytes(const arch::Config& config, std::size_t rows, std::size_t threads);

}  // namespace hadal::model
