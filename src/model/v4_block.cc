#include "model/v4_block.h"

#include <algorithm>

#include "kernels/rows.h"
#include "model/attention.h"
#include "model/hyper_connection.h"
#include "model/linear.h"
#include "model/moe.h"

namespace hadal::model {
namespace {

Status RunLayer(const Pass& pass, std::size_t layer, const Layer& weights, View2<float> streams,
                Arena& arena) {
  {
    Arena::Scope scope(arena);
    const Mixed mixed = HcPre(pass, weights.hc_attn, weights.attn_norm, streams, scope);
    const View2<const float> y = Attend(pass, layer, weights.attn, mixed.x, scope);
    HcPost(pass, mixed, y, streams);
  }
  {
    Arena::Scope scope(arena);
    const Mixed mixed = HcPre(pass, weights.hc_ffn, weights.ffn_norm, streams, scope);
    HADAL_TRY(const View2<const float> y, MixExperts(pass, layer, weights.ffn, mixed.x, scope));
    HcPost(pass, mixed, y, streams);
  }
  return Unit{};
}

View2<const float> RouterInput(const Context& context, const Layer& weights,
                               View2<const float> streams, Arena::Scope& scope) {
  return HcPre(context, weights.hc_ffn, weights.ffn_norm, streams, scope).x;
}

std::size_t LayerBytes(const arch::Config& config, const arch::KvLayout& layout, std::size_t rows,
                       std::size_t threads) {
  return HcBytes(config, rows) +
         std::max(AttendBytes(config, layout, rows, threads), MixExpertsBytes(config, rows));
}

// Stream s of every row.
template <class T>
View2<T> Stream(View2<T> streams, std::size_t s, std::size_t dim) {
  return streams.Cols(s * dim, dim);
}

void MtpInput(const Context& context, const Mtp& mtp, View2<const float> x, View2<float> e,
              View2<float> z, Arena& arena) {
  Arena::Scope scope(arena);
  NormaliseRows(context, e, mtp.enorm, e);
  const View2<const float> projected = Linear(context, e, mtp.e_proj, scope);
  const View2<float> h = e;
  for (std::size_t s = 0; s < context.config.hc_mult; ++s) {
    NormaliseRows(context, Stream(x, s, h.cols()), mtp.hnorm, h);
    const View2<float> out = Stream(z, s, h.cols());
    Linear(context, h, {{&mtp.h_proj, out}}, arena);
    kernels::AddRows(projected, out, context.threads);
    RoundActs(context, out);
  }
}

std::size_t MtpInputBytes(const arch::Config& config, std::size_t rows) {
  return Arena::BytesOf<float>(rows, config.hidden_size) +
         LinearInputBytes(rows, config.hidden_size);
}

}  // namespace

const Architecture kV4Architecture = {.run_layer = RunLayer,
                                      .layer_bytes = LayerBytes,
                                      .router_input = RouterInput,
                                      .head_input = HcHead,
                                      .head_input_bytes = HcHeadBytes,
                                      .mtp_input = MtpInput,
                                      .mtp_input_bytes = MtpInputBytes};

}  // namespace hadal::model
