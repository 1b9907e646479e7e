// The lightning indexer of DeepSeek-V3.2: which tokens a token attends.
//
//   q[h] = fp8(hadamard(rope(wq_b qr)[h]))      k = fp8(hadamard(rope(layer_norm(wk x))))
//   score[j] = sum_h w[h] relu(q[h] . k_j)       w = weights_proj x * dim^-1/2 heads^-1/2
//
// A token at position p chooses the index_topk best of the p + 1 tokens it may see, its own among
// them. RoPE turns the first channels, in pairs of halves. The products are the official code's of
// codes and scales: a query's scale multiplies through relu, being positive.
// Source: DeepSeek-V3.2-Exp inference/model.py, Indexer (as corrected in November 2025).
#pragma once
#include "model/pass.h"
#include "model/selection.h"
#include "model/weights.h"

namespace hadal::model {

// x [rows, dim], q_latent [rows, q_lora_rank]. Stores the batch's index keys first.
Selection SelectTokens(const Pass& pass, std::size_t layer, const LatentIndexer& indexer,
                       View2<const float> x, View2<const float> q_latent, Arena::Scope& scope);
// Beside the Selection.
std::size_t SelectTokensBytes(const arch::Config& config, std::size_t rows, std::size_t threads);

}  // namespace hadal::model
