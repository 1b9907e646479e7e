// DeepSeek-V4: attention, then experts, each inside hyper-connections over four residual streams.
//
//   X' = post F(x) + comb X,  x = norm(pre X)          F = attention, then experts
//   head    norm(sum_s pre_s X[s])
//   MTP     Z[s] = e_proj enorm(embed[next token]) + h_proj hnorm(X[s])
//
// Source: report, "Manifold-constrained hyper-connections"; DeepSeek-V4 inference/model.py, Block,
// ParallelHead, MTPBlock.
#pragma once
#include "model/architecture.h"

namespace hadal::model {

extern const Architecture kV4Architecture;

}  // namespace hadal::model
