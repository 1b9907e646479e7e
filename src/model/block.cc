#include "model/block.h"

#include "model/attention.h"
#include "model/hyper_connection.h"
#include "model/moe.h"

namespace hadal::model {

void RunBlock(Pass& pass, std::size_t layer, const Layer& weights, const RopeTables& tables,
              View2<float> streams) {
  HcPre(pass, weights.hc_attn, weights.attn_norm, streams);
  Attend(pass, layer, weights.attn, tables);
  HcPost(pass, streams);

  HcPre(pass, weights.hc_ffn, weights.ffn_norm, streams);
  MixExperts(pass, layer, weights.ffn);
  HcPost(pass, streams);
}

}  // namespace hadal::model
