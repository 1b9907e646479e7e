#include "arch/names_v32.h"

#include <fmt/format.h>

#include "arch/name_parts.h"
#include "base/check.h"

namespace hadal::arch {
namespace {

struct NameRow {
  Role role;
  Place place;            // kLayer: of the MTP block too
  std::string_view name;  // of the experts: without their number
};

constexpr std::string_view kLayers = "model.layers.", kExpertsPart = "mlp.experts.";

constexpr NameRow kRows[] = {
    {Role::kEmbed, Place::kModel, "model.embed_tokens.weight"},
    {Role::kNorm, Place::kModel, "model.norm.weight"},
    {Role::kHead, Place::kModel, "lm_head.weight"},
    {Role::kNorm, Place::kMtp, "shared_head.norm.weight"},
    {Role::kENorm, Place::kMtp, "enorm.weight"},
    {Role::kHNorm, Place::kMtp, "hnorm.weight"},
    {Role::kEhProj, Place::kMtp, "eh_proj.weight"},
    {Role::kAttnNorm, Place::kLayer, "input_layernorm.weight"},
    {Role::kWqA, Place::kLayer, "self_attn.q_a_proj.weight"},
    {Role::kQNorm, Place::kLayer, "self_attn.q_a_layernorm.weight"},
    {Role::kWqB, Place::kLayer, "self_attn.q_b_proj.weight"},
    {Role::kWkv, Place::kLayer, "self_attn.kv_a_proj_with_mqa.weight"},
    {Role::kKvNorm, Place::kLayer, "self_attn.kv_a_layernorm.weight"},
    {Role::kWkvB, Place::kLayer, "self_attn.kv_b_proj.weight"},
    {Role::kWo, Place::kLayer, "self_attn.o_proj.weight"},
    {Role::kIndexerWqB, Place::kLayer, "self_attn.indexer.wq_b.weight"},
    {Role::kIndexerWk, Place::kLayer, "self_attn.indexer.wk.weight"},
    {Role::kIndexerNorm, Place::kLayer, "self_attn.indexer.k_norm.weight"},
    {Role::kIndexerNormBias, Place::kLayer, "self_attn.indexer.k_norm.bias"},
    {Role::kIndexerWeightsProj, Place::kLayer, "self_attn.indexer.weights_proj.weight"},
    {Role::kFfnNorm, Place::kLayer, "post_attention_layernorm.weight"},
    {Role::kGate, Place::kLayer, "mlp.gate.weight"},
    {Role::kGateBias, Place::kLayer, "mlp.gate.e_score_correction_bias"},
    {Role::kMlpW1, Place::kLayer, "mlp.gate_proj.weight"},
    {Role::kMlpW2, Place::kLayer, "mlp.down_proj.weight"},
    {Role::kMlpW3, Place::kLayer, "mlp.up_proj.weight"},
    {Role::kExpertW1, Place::kLayer, "mlp.experts.gate_proj.weight"},
    {Role::kExpertW2, Place::kLayer, "mlp.experts.down_proj.weight"},
    {Role::kExpertW3, Place::kLayer, "mlp.experts.up_proj.weight"},
    {Role::kSharedW1, Place::kLayer, "mlp.shared_experts.gate_proj.weight"},
    {Role::kSharedW2, Place::kLayer, "mlp.shared_experts.down_proj.weight"},
    {Role::kSharedW3, Place::kLayer, "mlp.shared_experts.up_proj.weight"},
};

bool IsAt(const NameRow& row, Place place) {
  return row.place == place || (row.place == Place::kLayer && place == Place::kMtp);
}

}  // namespace

std::string_view V32RoleName(const TensorId& id) {
  for (const NameRow& row : kRows)
    if (row.role == id.role && IsAt(row, id.place)) return row.name;
  HADAL_CHECK(false);
}

std::string V32NameOf(const TensorId& id) {
  std::string_view role = V32RoleName(id);
  if (id.place == Place::kModel) return std::string(role);
  std::string name = fmt::format("{}{}.", kLayers, id.layer);
  if (IsRoutedExpert(id.role)) {
    role.remove_prefix(kExpertsPart.size());
    name += fmt::format("{}{}.", kExpertsPart, id.expert);
  }
  return name.append(role);
}

std::optional<TensorId> V32IdOf(std::string_view name) {
  TensorId id{.place = Place::kModel, .naming = Naming::kV32};
  if (TakePrefix(name, kLayers)) {
    id.place = Place::kLayer;
    if (!TakeNumber(name, &id.layer)) return std::nullopt;
  }
  std::string role(name);
  std::string_view rest = name;
  const bool expert = TakePrefix(rest, kExpertsPart) && TakeNumber(rest, &id.expert);
  if (expert) role = fmt::format("{}{}", kExpertsPart, rest);
  for (const NameRow& row : kRows) {
    const bool here =
        id.place == Place::kModel ? row.place == Place::kModel : row.place != Place::kModel;
    if (row.name != role || !here || expert != IsRoutedExpert(row.role)) continue;
    id.role = row.role;
    id.place = row.place;
    return id;
  }
  return std::nullopt;
}

bool IsV32SharedCopy(std::string_view name) {
  std::size_t layer = 0;
  return TakePrefix(name, kLayers) && TakeNumber(name, &layer) &&
         (name == "embed_tokens.weight" || name == "shared_head.head.weight");
}

}  // namespace hadal::arch
