// The lightning indexer of ratio-4 layers: scores every compressed entry for every token, chooses
// the best topk, and learns from how the main attention spread its probability.
//
//   q = Hadamard(RoPE(wq_b q_r))   [heads, width]      k = Hadamard(RoPE(Compress(x)))   [width]
//   w = weights_proj x * width^-0.5 * heads^-0.5
//   score[t,c] = sum_h w[t,h] * max(0, q[t,h] . k[c])
//
// With Quantize::indexer, q and k pass through FP4 after the Hadamard transform; without it the
// transform changes no score and is left out.
//
// Its inputs are detached: its loss reaches its own parameters only, and nothing else reaches them.
//   loss = mean over tokens that see an entry of  KL(target || softmax(score)),
//   target = mass of the main attention on the entries, normalised to sum 1;
//   both over the visible entries, or over the selected ones. The report has the second where
//   attention is sparse; over the visible ones those not selected, which have no mass, are
//   examples of what not to choose.
// Source: DeepSeek-V4 inference/model.py, Indexer; DeepSeek-V3.2 report, eq. 3-4.
#pragma once
#include <torch/torch.h>

#include "arch/config.h"
#include "train/document_plan.h"
#include "train/rotary.h"
#include "train/v4_model.h"
#include "train/weights.h"

namespace hadal::train {

// x [batch*tokens, dim], q_r [batch*tokens, q_lora_rank] -> [batch, tokens, entries.count].
torch::Tensor IndexerScores(const torch::Tensor& x, const torch::Tensor& q_r,
                            const IndexerWeights& weights, const DocumentPlan& plan,
                            const RotaryTable& rotary, const arch::Config& config,
                            const ForwardOptions& options);

// [batch, tokens, count] uint8: 1 for the topk visible entries of highest score (all, if there are
// no more); of equal scores the earlier entry.
torch::Tensor SelectEntries(const torch::Tensor& scores, const Entries& entries, std::int64_t topk);

// mass [batch, tokens, count], not normalised; selected as above, or undefined. Scalar.
torch::Tensor IndexerLoss(const torch::Tensor& scores, const torch::Tensor& mass,
                          const Entries& entries, const torch::Tensor& selected);

namespace plain {  // train/plain.h
// score of q [batch, tokens, heads, width], k [batch, count, width], w [batch, tokens, heads]
torch::Tensor WeightedScores(const torch::Tensor& q, const torch::Tensor& k,
                             const torch::Tensor& w);
torch::Tensor SelectEntries(const torch::Tensor& scores, const Entries& entries, std::int64_t topk);
torch::Tensor IndexerLoss(const torch::Tensor& scores, const torch::Tensor& mass,
                          const Entries& entries, const torch::Tensor& selected);
}  // namespace plain

}  // namespace hadal::train
