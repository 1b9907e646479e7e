#include "model/weight_slots.h"

namespace hadal::model {
namespace {

using arch::Role;

Slot CompressorSlot(Compressor& c, Role role) {
  switch (role) {
    case Role::kCompressorApe:
    case Role::kIndexerApe:
      return {.vector = &c.ape};
    case Role::kCompressorNorm:
    case Role::kIndexerNorm:
      return {.vector = &c.norm};
    case Role::kCompressorWkv:
    case Role::kIndexerWkv:
      return {.matrix = &c.wkv};
    case Role::kCompressorWgate:
    case Role::kIndexerWgate:
      return {.matrix = &c.wgate};
    default:
      return {};
  }
}

Slot AttentionSlot(Attention& attn, Role role) {
  switch (role) {
    case Role::kAttnSink:
      return {.vector = &attn.attn_sink};
    case Role::kWqA:
      return {.matrix = &attn.wq_a};
    case Role::kQNorm:
      return {.vector = &attn.q_norm};
    case Role::kWqB:
      return {.matrix = &attn.wq_b};
    case Role::kWkv:
      return {.matrix = &attn.wkv};
    case Role::kKvNorm:
      return {.vector = &attn.kv_norm};
    case Role::kWoA:
      return {.groups = &attn.wo_a};
    case Role::kWoB:
      return {.matrix = &attn.wo_b};
    case Role::kIndexerWqB:
      return {.matrix = &attn.indexer->wq_b};
    case Role::kIndexerWeightsProj:
      return {.matrix = &attn.indexer->weights_proj};
    case Role::kIndexerApe:
    case Role::kIndexerWkv:
    case Role::kIndexerWgate:
    case Role::kIndexerNorm:
      return CompressorSlot(attn.indexer->compressor, role);
    default:
      return attn.compressor ? CompressorSlot(*attn.compressor, role) : Slot{};
  }
}

Slot LatentSlot(LatentAttention& attn, Role role) {
  switch (role) {
    case Role::kWqA:
      return {.matrix = &attn.wq_a};
    case Role::kQNorm:
      return {.vector = &attn.q_norm};
    case Role::kWqB:
      return {.matrix = &attn.wq_b};
    case Role::kWkv:
      return {.matrix = &attn.wkv_a};
    case Role::kKvNorm:
      return {.vector = &attn.kv_norm};
    case Role::kWkvB:
      return {.heads = &attn.heads};
    case Role::kWo:
      return {.matrix = &attn.wo};
    case Role::kIndexerWqB:
      return {.matrix = &attn.indexer.wq_b};
    case Role::kIndexerWk:
      return {.matrix = &attn.indexer.wk};
    case Role::kIndexerNorm:
      return {.vector = &attn.indexer.k_norm};
    case Role::kIndexerNormBias:
      return {.vector = &attn.indexer.k_norm_bias};
    case Role::kIndexerWeightsProj:
      return {.matrix = &attn.indexer.weights_proj};
    default:
      return {};
  }
}

Slot MlpSlot(Expert& mlp, Role role) {
  switch (role) {
    case Role::kMlpW1:
      return {.matrix = &mlp.w1};
    case Role::kMlpW2:
      return {.matrix = &mlp.w2};
    case Role::kMlpW3:
      return {.matrix = &mlp.w3};
    default:
      return {};
  }
}

Slot MoeSlot(Moe& moe, Role role, std::size_t expert) {
  Expert& routed = moe.experts[expert];
  switch (role) {
    case Role::kGate:
      return {.matrix = &moe.gate};
    case Role::kGateBias:
      return {.vector = &moe.bias};
    case Role::kTid2Eid:
      return {.table = &moe.tid2eid};
    case Role::kExpertW1:
      return {.matrix = &routed.w1};
    case Role::kExpertW2:
      return {.matrix = &routed.w2};
    case Role::kExpertW3:
      return {.matrix = &routed.w3};
    case Role::kSharedW1:
      return {.matrix = &moe.shared_expert.w1};
    case Role::kSharedW2:
      return {.matrix = &moe.shared_expert.w2};
    case Role::kSharedW3:
      return {.matrix = &moe.shared_expert.w3};
    default:
      return {};
  }
}

Slot LayerSlot(Layer& layer, const arch::TensorId& id) {
  switch (id.role) {
    case Role::kHcAttnFn:
      return {.matrix = &layer.hc_attn.fn};
    case Role::kHcAttnBase:
      return {.vector = &layer.hc_attn.base};
    case Role::kHcAttnScale:
      return {.vector = &layer.hc_attn.scale};
    case Role::kAttnNorm:
      return {.vector = &layer.attn_norm};
    case Role::kHcFfnFn:
      return {.matrix = &layer.hc_ffn.fn};
    case Role::kHcFfnBase:
      return {.vector = &layer.hc_ffn.base};
    case Role::kHcFfnScale:
      return {.vector = &layer.hc_ffn.scale};
    case Role::kFfnNorm:
      return {.vector = &layer.ffn_norm};
    default:
      break;
  }
  if (id.role < Role::kHcFfnFn)
    return layer.latent ? LatentSlot(*layer.latent, id.role) : AttentionSlot(layer.attn, id.role);
  return layer.mlp ? MlpSlot(*layer.mlp, id.role) : MoeSlot(layer.ffn, id.role, id.expert);
}

Slot HeadSlot(HeadWeights& head, Role role) {
  switch (role) {
    case Role::kNorm:
      return {.vector = &head.norm};
    case Role::kHcHeadFn:
      return {.matrix = &head.hc_fn};
    case Role::kHcHeadBase:
      return {.vector = &head.hc_base};
    case Role::kHcHeadScale:
      return {.number = &head.hc_scale};
    default:
      return {};
  }
}

Slot MtpSlot(Mtp& mtp, const arch::TensorId& id) {
  switch (id.role) {
    case Role::kEProj:
      return {.matrix = &mtp.e_proj};
    case Role::kHProj:
      return {.matrix = &mtp.h_proj};
    case Role::kENorm:
      return {.vector = &mtp.enorm};
    case Role::kHNorm:
      return {.vector = &mtp.hnorm};
    case Role::kEhProj:
      return {.matrix = &mtp.eh_proj};
    default:
      return id.role < Role::kEProj ? HeadSlot(mtp.head, id.role) : LayerSlot(mtp.layer, id);
  }
}

}  // namespace

Slot SlotOf(Model& model, const arch::TensorId& id) {
  switch (id.part) {
    case arch::Part::kLayer:
      return LayerSlot(model.layers[id.layer - model.selection.begin_layer], id);
    case arch::Part::kMtp:
      return MtpSlot(*model.mtp, id);
    case arch::Part::kModel:
      break;
  }
  if (id.role == Role::kEmbed) return {.matrix = &model.embed};
  if (id.role == Role::kHead) return {.matrix = &model.head};
  return HeadSlot(model.before_head, id.role);
}

}  // namespace hadal::model
