#include "model/weights.h"

#include <algorithm>
#include <utility>

#include "arch/stored_tensor.h"
#include "io/decode.h"

namespace hadal::model {
namespace {

using arch::Role;

// Where a tensor goes: one of these is not null.
struct Slot {
  Weight* matrix = nullptr;
  Vector* vector = nullptr;
  float* number = nullptr;
  std::vector<Weight>* groups = nullptr;        // a matrix, cut into groups of rows
  std::vector<std::uint32_t>* table = nullptr;  // experts
};

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
      return id.role < Role::kHcFfnFn ? AttentionSlot(layer.attn, id.role)
                                      : MoeSlot(layer.ffn, id.role, id.expert);
  }
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
    default:
      return id.role < Role::kEProj ? HeadSlot(mtp.head, id.role) : LayerSlot(mtp.layer, id);
  }
}

Slot SlotOf(Model& model, const arch::TensorId& id) {
  switch (id.place) {
    case arch::Place::kLayer:
      return LayerSlot(model.layers[id.layer - model.selection.begin_layer], id);
    case arch::Place::kMtp:
      return MtpSlot(*model.mtp, id);
    case arch::Place::kModel:
      break;
  }
  if (id.role == Role::kEmbed) return {.matrix = &model.embed};
  if (id.role == Role::kHead) return {.matrix = &model.head};
  return HeadSlot(model.before_head, id.role);
}

Layer EmptyLayer(const arch::Config& config, std::size_t ratio) {
  Layer layer;
  layer.attn.ratio = ratio;
  if (ratio != 0) layer.attn.compressor.emplace();
  if (ratio == arch::kCsaRatio) layer.attn.indexer.emplace();
  layer.ffn.experts.resize(config.n_routed_experts);
  return layer;
}

void MakeRoom(Model& model) {
  const arch::Config& c = model.config;
  for (std::size_t l = model.selection.begin_layer; l < model.selection.end_layer; ++l)
    model.layers.push_back(EmptyLayer(c, c.compress_ratios[l]));
  if (model.selection.mtp)
    model.mtp.emplace().layer = EmptyLayer(c, c.compress_ratios[c.num_hidden_layers]);
}

void BindGroups(const Weight& w, const arch::Config& config, std::vector<Weight>* groups) {
  for (std::size_t g = 0; g < config.o_groups; ++g)
    groups->push_back(w.Rows(g * config.o_lora_rank, config.o_lora_rank));
}

Status BindTable(const arch::StoredTensor& stored, const arch::Config& config,
                 std::vector<std::uint32_t>* table) {
  HADAL_TRY(const std::vector<std::int64_t> ids, arch::DecodeTable(stored, config));
  table->resize(ids.size());
  std::ranges::transform(ids, table->begin(),
                         [](std::int64_t id) { return static_cast<std::uint32_t>(id); });
  return Unit{};
}

Status Bind(const arch::StoredTensor& stored, const Slot& slot, const arch::Config& config) {
  if (slot.matrix != nullptr) {
    *slot.matrix = stored.matrix();
  } else if (slot.groups != nullptr) {
    BindGroups(stored.matrix(), config, slot.groups);
  } else if (slot.table != nullptr) {
    return BindTable(stored, config, slot.table);
  } else {
    HADAL_CHECK(slot.vector != nullptr || slot.number != nullptr);
    HADAL_TRY(Vector floats, io::DecodeFloats(stored.data, nullptr));
    if (slot.vector != nullptr)
      *slot.vector = std::move(floats);
    else
      *slot.number = floats[0];
  }
  return Unit{};
}

}  // namespace

Result<Model> Model::Load(io::Checkpoint checkpoint, const arch::Selection& selection) {
  Model model(std::move(checkpoint));
  const io::Checkpoint& files = model.checkpoint_;
  auto config = arch::ParseConfig(files.config());
  if (!config.ok()) return Within(files.directory(), config.error());
  model.config = *config;
  HADAL_TRY(model.selection, arch::Clamp(selection, model.config));
  MakeRoom(model);

  const std::vector<arch::TensorSpec> specs = arch::TensorsOf(model.config);
  for (const arch::TensorSpec& spec : specs) {
    if (!model.selection.Wants(spec.id)) continue;
    HADAL_TRY(const arch::StoredTensor stored, arch::FindStored(files, spec));
    const Status bound = Bind(stored, SlotOf(model, spec.id), model.config);
    if (!bound.ok())
      return Within(fmt::format("{}: tensor \"{}\"", files.FileOf(spec.name), spec.name),
                    bound.error());
  }

  const arch::Unlisted unlisted = arch::UnlistedTensors(files, specs);
  if (!unlisted.unknown.empty()) return arch::UnknownTensors(files, unlisted.unknown);
  model.notes = files.notes();
  if (!unlisted.drafters.empty())
    model.notes.push_back(arch::DrafterNote(files, unlisted.drafters));
  return model;
}

Result<Model> Model::Open(const std::string& directory, const arch::Selection& selection) {
  HADAL_TRY(io::Checkpoint checkpoint, arch::OpenPart(directory, selection));
  return Load(std::move(checkpoint), selection);
}

}  // namespace hadal::model
