#include "model/hyper_connection.h"

#include "kernels/hyper_connection.h"
#include "kernels/matmul.h"
#include "kernels/rms_norm.h"
#include "model/linear.h"

namespace hadal::model {
namespace {

float Eps(const Context& context) { return static_cast<float>(context.config.rms_norm_eps); }
float HcEps(const Context& context) { return static_cast<float>(context.config.hc_eps); }

}  // namespace

Mixed HcPre(const Context& context, const HyperConnection& hc, std::span<const float> norm,
            View2<const float> streams, Arena::Scope& scope) {
  const View2<float> x = scope.Take<float>(streams.rows(), context.config.hidden_size);
  const View2<float> weights = scope.Take<float>(streams.rows(), kernels::kHcMixes);
  const View2<float> mixes = scope.Take<float>(streams.rows(), kernels::kHcMixes);
  kernels::MatMul(streams, hc.fn, mixes, context.threads);
  kernels::HcReduce(streams,
                    {.scale = hc.scale,
                     .base = hc.base,
                     .iterations = context.config.hc_sinkhorn_iters,
                     .norm_eps = Eps(context),
                     .eps = HcEps(context)},
                    mixes, weights, x, context.threads);
  RoundActs(context, x);
  NormaliseRows(context, x, norm, x);
  return {x, weights};
}

void HcPost(const Context& context, const Mixed& mixed, View2<const float> y,
            View2<float> streams) {
  kernels::HcExpand(mixed.weights, y, streams, context.threads);
  RoundActs(context, streams);
}

std::size_t HcBytes(const arch::Config& config, std::size_t rows) {
  return Arena::BytesOf<float>(rows, config.hidden_size) +
         2 * Arena::BytesOf<float>(rows, kernels::kHcMixes);
}

View2<const float> HcHead(const Context& context, const HeadWeights& head,
                          View2<const float> streams, Arena::Scope& scope) {
  const View2<float> y = scope.Take<float>(streams.rows(), context.config.hidden_size);
  const View2<float> mixes = scope.Take<float>(streams.rows(), kernels::kStreams);
  kernels::MatMul(streams, head.hc_fn, mixes, context.threads);
  kernels::HcHeadReduce(streams,
                        {.scale = head.hc_scale,
                         .base = head.hc_base,
                         .norm_eps = Eps(context),
                         .eps = HcEps(context)},
                        mixes, y, context.threads);
  RoundActs(context, y);
  NormaliseRows(context, y, head.norm, y);
  return y;
}

std::size_t HcHeadBytes(const arch::Config& config, std::size_t rows) {
  return Arena::BytesOf<float>(rows, config.hidden_size) +
         Arena::BytesOf<float>(rows, kernels::kStreams);
}

}  // namespace hadal::model
