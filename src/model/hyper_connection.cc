#include "model/hyper_connection.h"

#include <cstring>

#include "kernels/hyper_connection.h"
#include "kernels/matmul.h"
#include "kernels/rms_norm.h"
#include "model/linear.h"

namespace hadal::model {
namespace {

static_assert(sizeof(kernels::HcWeights) == kernels::kHcMixes * sizeof(float));

View2<const float> AsStreams(std::span<const float> row, std::size_t dim) {
  return {row.data(), row.size() / dim, dim};
}

void ScaleBy(float factor, std::span<float> values) {
  for (float& v : values) v *= factor;
}

}  // namespace

void HcPre(Pass& pass, const HyperConnection& hc, std::span<const float> norm,
           View2<const float> streams) {
  const auto eps = static_cast<float>(pass.config.rms_norm_eps);
  const auto hc_eps = static_cast<float>(pass.config.hc_eps);
  const View2<float> mixes = pass.Rows(pass.work.mixes, kernels::kHcMixes);
  const View2<float> kept = pass.Rows(pass.work.hc_weights, kernels::kHcMixes);
  const View2<float> x = pass.Rows(pass.work.x, pass.config.hidden_size);
  kernels::MatMul(streams, hc.fn, mixes, pass.threads);
  ForEach(pass, pass.rows(), [&](WorkerScratch&, std::size_t t) {
    ScaleBy(kernels::RmsScale(streams[t], eps), mixes[t]);
    const kernels::HcWeights weights =
        kernels::HcSplit(mixes[t], hc.scale, hc.base, pass.config.hc_sinkhorn_iters, hc_eps);
    std::memcpy(kept[t].data(), &weights, sizeof(weights));
    kernels::HcReduce(AsStreams(streams[t], x.cols()), weights.pre, x[t]);
    RoundActs(pass.numerics, x[t]);
    kernels::RmsNorm(x[t], norm, eps, x[t]);
    RoundActs(pass.numerics, x[t]);
  });
}

void HcPost(Pass& pass, View2<float> streams) {
  const std::size_t dim = pass.config.hidden_size;
  const View2<float> kept = pass.Rows(pass.work.hc_weights, kernels::kHcMixes);
  const View2<float> out = pass.Rows(pass.work.sub_out, dim);
  ForEach(pass, pass.rows(), [&](WorkerScratch&, std::size_t t) {
    kernels::HcWeights weights;
    std::memcpy(&weights, kept[t].data(), sizeof(weights));
    kernels::HcExpand(weights, out[t], {streams[t].data(), pass.config.hc_mult, dim});
    RoundActs(pass.numerics, streams[t]);
  });
}

void HcHead(Pass& pass, const HyperHead& head, std::span<const float> norm,
            std::span<const float> streams, std::span<float> out) {
  const auto eps = static_cast<float>(pass.config.rms_norm_eps);
  float mixes[kernels::kStreams], weights[kernels::kStreams];
  kernels::MatMul(View2<const float>(streams.data(), 1, streams.size()), head.fn,
                  View2<float>(mixes, 1, kernels::kStreams), pass.threads);
  ScaleBy(kernels::RmsScale(streams, eps), mixes);
  kernels::HcHeadWeights(mixes, head.scale, head.base, static_cast<float>(pass.config.hc_eps),
                         weights);
  kernels::HcReduce(AsStreams(streams, out.size()), weights, out);
  RoundActs(pass.numerics, out);
  kernels::RmsNorm(out, norm, eps, out);
  RoundActs(pass.numerics, out);
}

}  // namespace hadal::model
