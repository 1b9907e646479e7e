#include "model/weights.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "arch/layer_kind.h"
#include "io/decode.h"
#include "model/weight_slots.h"

namespace hadal::model {
namespace {

Layer EmptyLayer(const arch::Config& config, std::size_t number) {
  const arch::LayerKind kind = arch::LayerKindOf(config, number);
  Layer layer;
  layer.attn.ratio = kind.ratio;
  if (kind.pooled()) layer.attn.compressor.emplace();
  if (kind.pooled() && kind.indexed) layer.attn.indexer.emplace();
  if (config.architecture == arch::Architecture::kV32) layer.latent.emplace();
  if (kind.dense)
    layer.mlp.emplace();
  else
    layer.ffn.experts.resize(config.n_routed_experts);
  return layer;
}

void MakeRoom(Model& model) {
  const arch::Config& c = model.config;
  for (std::size_t l = model.selection.begin_layer; l < model.selection.end_layer; ++l)
    model.layers.push_back(EmptyLayer(c, l));
  if (model.selection.mtp) model.mtp.emplace().layer = EmptyLayer(c, c.num_hidden_layers);
}

void BindGroups(const Weight& w, const arch::Config& config, std::vector<Weight>* groups) {
  for (std::size_t g = 0; g < config.o_groups; ++g)
    groups->push_back(w.Rows(g * config.o_lora_rank, config.o_lora_rank));
}

// kv_b_proj's rows are, head after head, those of W_UK and those of W_UV.
void BindHeads(const Weight& w, const arch::Config& c, LatentHeads* heads) {
  const std::size_t nope = c.qk_nope_head_dim, rows = nope + c.v_head_dim;
  for (std::size_t h = 0; h < c.num_attention_heads; ++h) {
    heads->uk.push_back(Transposed(w.Rows(h * rows, nope)));
    heads->uv.push_back(w.Rows(h * rows + nope, c.v_head_dim));
  }
}

Status BindTable(const arch::StoredTensor& stored, const arch::Config& config,
                 std::vector<std::uint32_t>* table) {
  HADAL_TRY(const std::vector<std::int64_t> ids, arch::DecodeTable(stored, config));
  table->resize(ids.size());
  std::ranges::transform(ids, table->begin(),
                         [](std::int64_t id) { return static_cast<std::uint32_t>(id); });
  return Unit{};
}

}  // namespace

Weight Model::Usable(const arch::StoredTensor& stored) {
  const Weight weight = stored.matrix();
  if (weight.format != StoredFormat::kFp8Block128F32) return weight;
  auto converted = WithE8m0Scales(weight);
  if (!converted) return weight;
  converted_.push_back(std::move(*converted));
  return converted_.back().view;
}

Status Model::Bind(const arch::StoredTensor& stored) {
  const Slot slot = SlotOf(*this, stored.spec->id);
  if (slot.matrix != nullptr) {
    *slot.matrix = Usable(stored);
  } else if (slot.groups != nullptr) {
    BindGroups(Usable(stored), config, slot.groups);
  } else if (slot.heads != nullptr) {
    BindHeads(Usable(stored), config, slot.heads);
  } else if (slot.table != nullptr) {
    return BindTable(stored, config, slot.table);
  } else {
    HADAL_CHECK(slot.vector != nullptr || slot.number != nullptr);
    HADAL_TRY(Vector floats, io::DecodeFloats(stored.data, nullptr));
    // All of it is read here anyway, and what only takes part in a choice shows nowhere else.
    if (const auto bad = std::ranges::find_if(floats, [](float v) { return std::isnan(v); });
        bad != floats.end())
      return Fail(Code::kCorrupt,
                  "element {}: found {}, expected a number; the weights are damaged",
                  bad - floats.begin(), *bad);
    if (slot.vector != nullptr)
      *slot.vector = std::move(floats);
    else
      *slot.number = floats[0];
  }
  return Unit{};
}

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
    HADAL_TRY_STATUS(arch::CheckScales(files, stored));
    const Status bound = model.Bind(stored);
    if (!bound.ok())
      return Within(fmt::format("{}: tensor \"{}\"", files.FileOf(spec.name), spec.name),
                    bound.error());
  }

  const arch::Unlisted unlisted = arch::UnlistedTensors(files, model.config, specs);
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
