#include "model/v32_block.h"

#include <algorithm>

#include "kernels/rows.h"
#include "model/latent_attention.h"
#include "model/linear.h"
#include "model/moe.h"

namespace hadal::model {
namespace {

// norm(x) in scope; x is left rounded.
View2<const float> Normalised(const Context& context, View2<float> x, std::span<const float> gain,
                              Arena::Scope& scope) {
  const View2<float> y = scope.Take<float>(x.rows(), x.cols());
  NormaliseRows(context, x, gain, y);
  RoundActs(context, x);
  return y;
}

Result<View2<const float>> FeedForward(const Pass& pass, std::size_t layer, const Layer& weights,
                                       View2<const float> x, Arena::Scope& scope) {
  if (!weights.mlp) return MixExperts(pass, layer, weights.ffn, x, scope);
  const View2<float> y = scope.Take<float>(x.rows(), x.cols());
  RunGated(pass, *weights.mlp, x, y, scope.arena());
  return View2<const float>(y);
}

Status RunLayer(const Pass& pass, std::size_t layer, const Layer& weights, View2<float> x,
                Arena& arena) {
  {
    Arena::Scope scope(arena);
    const View2<const float> normed = Normalised(pass, x, weights.attn_norm, scope);
    kernels::AddRows(AttendLatents(pass, layer, *weights.latent, normed, scope), x, pass.threads);
  }
  {
    Arena::Scope scope(arena);
    const View2<const float> normed = Normalised(pass, x, weights.ffn_norm, scope);
    HADAL_TRY(const View2<const float> y, FeedForward(pass, layer, weights, normed, scope));
    kernels::AddRows(y, x, pass.threads);
  }
  return Unit{};
}

View2<const float> RouterInput(const Context& context, const Layer& weights,
                               View2<const float> streams, Arena::Scope& scope) {
  const View2<float> y = scope.Take<float>(streams.rows(), streams.cols());
  NormaliseRows(context, streams, weights.ffn_norm, y);
  return y;
}

std::size_t LayerBytes(const arch::Config& c, const arch::KvLayout& /*layout*/, std::size_t rows,
                       std::size_t threads) {
  const std::size_t row = Arena::BytesOf<float>(rows, c.hidden_size);
  return row + std::max({AttendLatentsBytes(c, rows, threads), MixExpertsBytes(c, rows),
                         row + GatedBytes(rows, c.hidden_size, c.intermediate_size)});
}

View2<const float> HeadInput(const Context& context, const HeadWeights& head, View2<const float> x,
                             Arena::Scope& scope) {
  const View2<float> y = scope.Take<float>(x.rows(), x.cols());
  NormaliseRows(context, x, head.norm, y);
  return y;
}

std::size_t HeadInputBytes(const arch::Config& config, std::size_t rows) {
  return Arena::BytesOf<float>(rows, config.hidden_size);
}

void MtpInput(const Context& context, const Mtp& mtp, View2<const float> x, View2<float> e,
              View2<float> z, Arena& arena) {
  Arena::Scope scope(arena);
  const View2<float> both = scope.Take<float>(x.rows(), 2 * x.cols());
  const View2<float> h = both.Cols(x.cols(), x.cols());
  kernels::CopyRows(x, h, context.threads);
  RoundActs(context, h);
  NormaliseRows(context, e, mtp.enorm, both.Cols(0, x.cols()));
  NormaliseRows(context, h, mtp.hnorm, h);
  Linear(context, both, {{&mtp.eh_proj, z}}, arena);
}

std::size_t MtpInputBytes(const arch::Config& config, std::size_t rows) {
  return Arena::BytesOf<float>(rows, 2 * config.hidden_size) +
         LinearInputBytes(rows, 2 * config.hidden_size);
}

}  // namespace

const Architecture kV32Architecture = {.run_layer = RunLayer,
                                       .layer_bytes = LayerBytes,
                                       .router_input = RouterInput,
                                       .head_input = HeadInput,
                                       .head_input_bytes = HeadInputBytes,
                                       .mtp_input = MtpInput,
                                       .mtp_input_bytes = MtpInputBytes};

}  // namespace hadal::model
