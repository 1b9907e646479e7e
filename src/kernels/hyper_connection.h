// Manifold-constrained hyper-connections of a token: S = 4 residual streams X[0..3] of dim
// channels.
//
// From m = (fn . vec(X)) * rsqrt(mean(vec(X)^2) + norm_eps), 24 values ordered pre 4, post 4,
// comb 4x4:
//   pre[j]    = sigmoid(m[j] scale[0] + base[j]) + eps
//   post[j]   = 2 sigmoid(m[4+j] scale[1] + base[4+j])
//   comb[i,j] : softmax over j of (m[8+4i+j] scale[2] + base[8+4i+j]), + eps, columns divided by
//               their sum + eps; then iterations - 1 times rows, then columns, likewise
//   y[d]      = sum_j pre[j] X[j,d]                                        (HcReduce)
//   X'[j,d]   = post[j] o[d] + sum_i comb[i,j] X[i,d]                      (HcExpand)
// The first index of comb is the source stream, the second the destination.
//
// Numbers  HcSplit and HcHeadWeights are scalar, in f64, each result rounded once: they are their
//          own definition. HcReduce and HcExpand multiply and add in f32, not fused, in the order
//          of the formulas (post first): the same bits from every instruction set.
// Error    of HcReduce 5 * 2^-24 * sum_j |term|, of HcExpand 6 * 2^-24 * sum |term|.
// Caller   shapes agree (HADAL_CHECK). y must not overlap the streams, nor o them.
// Source   DeepSeek-V4 inference/kernel.py, hc_split_sinkhorn; inference/model.py, Block.hc_pre,
//          Block.hc_post.
#pragma once
#include <cstddef>
#include <span>

#include "base/threads.h"
#include "tensor/view.h"

namespace hadal::kernels {

inline constexpr std::size_t kStreams = 4, kHcMixes = 2 * kStreams + kStreams * kStreams;

struct HcWeights {
  float pre[kStreams], post[kStreams], comb[kStreams][kStreams];
};

// mixes [24] (already times the rsqrt), scale [3], base [24].
HcWeights HcSplit(std::span<const float> mixes, std::span<const float> scale,
                  std::span<const float> base, std::size_t iterations, float eps);

// weights[j] = sigmoid(mixes[j] scale + base[j]) + eps: the output reduction's four weights.
void HcHeadWeights(std::span<const float> mixes, float scale, std::span<const float> base,
                   float eps, std::span<float> weights);

// streams [4, dim]; weights [4]; y [dim]. Sums in stream order.
void HcReduce(View2<const float> streams, std::span<const float> weights, std::span<float> y);
// sublayer_out [dim]; streams [4, dim] read and replaced in place.
void HcExpand(const HcWeights& weights, std::span<const float> sublayer_out, View2<float> streams);

// The same for a batch: streams [rows, 4 dim], a row's streams behind one another; weights [rows,
// 24], a row's HcWeights as floats.
struct HcParameters {
  std::span<const float> scale, base;  // [3], [24]
  std::size_t iterations = 0;
  float norm_eps = 0, eps = 0;
};
// mixes [rows, 24] = fn . vec(X), not yet times the rsqrt (read and changed). weights and y [rows,
// dim]: every element written.
void HcReduce(View2<const float> streams, const HcParameters& parameters, View2<float> mixes,
              View2<float> weights, View2<float> y, Threads& threads);
void HcExpand(View2<const float> weights, View2<const float> sublayer_out, View2<float> streams,
              Threads& threads);
// The output reduction: mixes [rows, 4], scale and base as in HcHeadWeights.
struct HcHeadParameters {
  float scale = 1;
  std::span<const float> base;  // [4]
  float norm_eps = 0, eps = 0;
};
void HcHeadReduce(View2<const float> streams, const HcHeadParameters& parameters,
                  View2<float> mixes, View2<float> y, Threads& threads);

namespace ref {  // f64, rounded once
void HcReduce(View2<const float> streams, std::span<const float> weights, std::span<float> y);
void HcExpand(const HcWeights& weights, std::span<const float> sublayer_out, View2<float> streams);
}  // namespace ref

}  // namespace hadal::kernels
