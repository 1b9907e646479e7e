// Hyper-connections around a sub-layer F:
//
//   pre, post, comb = split(fn . vec(X) / rms(X))
//   x  = norm(sum_j pre[j] X[j])            HcPre
//   X' [j] = post[j] F(x) + sum_i comb[i,j] X[i]   HcPost
#pragma once
#include "model/pass.h"
#include "model/weights.h"

namespace hadal::model {

// streams [rows, 4 dim] -> work.x [rows, dim], normalised with norm; keeps the weights for HcPost.
void HcPre(Pass& pass, const HyperConnection& hc, std::span<const float> norm,
           View2<const float> streams);
// streams <- the new streams, from work.sub_out.
void HcPost(Pass& pass, View2<float> streams);
// One row's streams [4 dim] -> the vector in front of the head [dim], normalised.
void HcHead(Pass& pass, const HyperHead& head, std::span<const float> norm,
            std::span<const float> streams, std::span<float> out);

}  // namespace hadal::model
