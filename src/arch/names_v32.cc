#include "arch/names_v32.h"

#include <fmt/format.h>

#include "arch/name_parts.h"
#include "base/check.h"

namespace hadal::arch {
namespace {

struct NameRow {
  Role role;
  Part part;              // kLayer: of the MTP block too
  std::string_view name;  // of the experts: without their number
};

constexpr std::string_view kLayers = "model.layers.", kExpertsPart = "mlp.experts.";

constexpr NameRow kRows[] = {
    {Role::kEmbed, Part::kModel, "model.embed_tokens.weight"},
    {Role::kNorm, Part::kModel, "model.norm.weight"},
    {Role::kHead, Part::kModel, "lm_head.weight"},
    {Role::kNorm, Part::kMtp, "shared_head.norm.weight"},
    {Role::kENorm, Part::kMtp, "enorm.weight"},
    {Role::kHNorm, Part::kMtp, "hnorm.weight"},
    {Role::kEhProj, Part::kMtp, "eh_proj.weight"},
    {Role::kAttnNorm, Part::kLayer, "input_layernorm.weight"},
    {Role::kWqA, Part::kLayer, "self_attn.q_a_proj.weight"},
    {Role::kQNorm, Part::kLayer, "self_attn.q_a_layernorm.weight"},
    {Role::kWqB, Part::kLayer, "self_attn.q_b_proj.weight"},
    {Role::kWkv, Part::kLayer, "self_attn.kv_a_proj_with_mqa.weight"},
    {Role::kKvNorm, Part::kLayer, "self_attn.kv_a_layernorm.weight"},
    {Role::kWkvB, Part::kLayer, "self_attn.kv_b_proj.weight"},
    {Role::kWo, Part::kLayer, "self_attn.o_proj.weight"},
    {Role::kIndexerWqB, Part::kLayer, "self_attn.indexer.wq_b.weight"},
    {Role::kIndexerWk, Part::kLayer, "self_attn.indexer.wk.weight"},
    {Role::kIndexerNorm, Part::kLayer, "self_attn.indexer.k_norm.weight"},
    {Role::kIndexerNormBias, Part::kLayer, "self_attn.indexer.k_norm.bias"},
    {Role::kIndexerWeightsProj, Part::kLayer, "self_attn.indexer.weights_proj.weight"},
    {Role::kFfnNorm, Part::kLayer, "post_attention_layernorm.weight"},
    {Role::kGate, Part::kLayer, "mlp.gate.weight"},
    {Role::kGateBias, Part::kLayer, "mlp.gate.e_score_correction_bias"},
    {Role::kMlpW1, Part::kLayer, "mlp.gate_proj.weight"},
    {Role::kMlpW2, Part::kLayer, "mlp.down_proj.weight"},
    {Role::kMlpW3, Part::kLayer, "mlp.up_proj.weight"},
    {Role::kExpertW1, Part::kLayer, "mlp.experts.gate_proj.weight"},
    {Role::kExpertW2, Part::kLayer, "mlp.experts.down_proj.weight"},
    {Role::kExpertW3, Part::kLayer, "mlp.experts.up_proj.weight"},
    {Role::kSharedW1, Part::kLayer, "mlp.shared_experts.gate_proj.weight"},
    {Role::kSharedW2, Part::kLayer, "mlp.shared_experts.down_proj.weight"},
    {Role::kSharedW3, Part::kLayer, "mlp.shared_experts.up_proj.weight"},
};

bool IsAt(const NameRow& row, Part part) {
  return row.part == part || (row.part == Part::kLayer && part == Part::kMtp);
}

}  // namespace

std::string_view V32RoleName(const TensorId& id) {
  for (const NameRow& row : kRows)
    if (row.role == id.role && IsAt(row, id.part)) return row.name;
  HADAL_CHECK(false);
}

std::string V32NameOf(const TensorId& id) {
  std::string_view role = V32RoleName(id);
  if (id.part == Part::kModel) return std::string(role);
  std::string name = fmt::format("{}{}.", kLayers, id.layer);
  if (IsRoutedExpert(id.role)) {
    role.remove_prefix(kExpertsPart.size());
    name += fmt::format("{}{}.", kExpertsPart, id.expert);
  }
  return name.append(role);
}

std::optional<TensorId> V32IdOf(std::string_view name) {
  TensorId id{.part = Part::kModel, .naming = Naming::kV32};
  if (TakePrefix(name, kLayers)) {
    id.part = Part::kLayer;
    if (!TakeNumber(name, &id.layer)) return std::nullopt;
  }
  std::string role(name);
  std::string_view rest = name;
  const bool expert = TakePrefix(rest, kExpertsPart) && TakeNumber(rest, &id.expert);
  if (expert) role = fmt::format("{}{}", kExpertsPart, rest);
  for (const NameRow& row : kRows) {
    const bool here = id.part == Part::kModel ? row.part == Part::kModel : row.part != Part::kModel;
    if (row.name != role || !here || expert != IsRoutedExpert(row.role)) continue;
    id.role = row.role;
    id.part = row.part;
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
