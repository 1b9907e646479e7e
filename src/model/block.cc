#include "model/block.h"

#include <algorithm>

#include "model/attention.h"
#include "model/hyper_connection.h"
#include "model/moe.h"

namespace hadal::model {

Status RunBlock(const Pass& pass, std::size_t layer, const Layer& weights, View2<float> streams,
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

std::size_t BlockBytes(const arch::Config& config, const arch::KvLayout& layout, std::size_t rows,
                       std::size_t threads) {
  return HcBytes(config, rows) +
         std::max(AttendBytes(config, layout, rows, threads), MixExpertsBytes(config, rows));
}

}  // namespace hadal::model
