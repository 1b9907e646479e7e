// Hyper-connections around a sub-layer F:
//
//   pre, post, comb = split(fn . vec(X) / rms(X))
//   x  = norm(sum_j pre[j] X[j])                   HcPre
//   X' [j] = post[j] F(x) + sum_i comb[i,j] X[i]   HcPost
//
// Source: report, "Manifold-constrained hyper-connections"; DeepSeek-V4 inference/model.py, Block.
#pragma once
#include "model/pass.h"
#include "model/weights.h"

namespace hadal::model {

struct Mixed {
  View2<const float> x;        // [rows, dim], normalised: the sub-layer's input
  View2<const float> weights;  // [rows, 24]: pre, post, comb, for HcPost
};

// streams [rows, 4 dim].
Mixed HcPre(const Context& context, const HyperConnection& hc, std::span<const float> norm,
            View2<const float> streams, Arena::Scope& scope);
// y [rows, dim], the sub-layer's output; streams <- the new streams.
void HcPost(const Context& context, const Mixed& mixed, View2<const float> y, View2<float> streams);
std::size_t HcBytes(const arch::Config& config, std::size_t rows);

// The vectors in front of the head [rows, dim], normalised.
View2<const float> HcHead(const Context& context, const HeadWeights& head,
                          View2<const float> streams, Arena::Scope& scope);
std::size_t HcHeadBytes(const arch::Config& config, std::size_t rows);

}  // namespace hadal::model
