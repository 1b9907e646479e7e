#include "arch/tensor_names.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "arch/name_parts.h"
#include "arch/names_v32.h"
#include "base/check.h"

namespace hadal::arch {
namespace {

constexpr std::string_view kWeight = ".weight", kExpertsPart = "ffn.experts.";

constexpr std::string_view ScaleSuffix(Naming naming) {
  return naming == Naming::kV4 ? ".scale" : ".weight_scale_inv";
}

struct RoleInfo {
  Role role;
  std::string_view name;  // V4's; of the experts: without their number; empty: V4 has none
  Component component;
  TensorKind kind;
};

using enum Component;
constexpr std::array<RoleInfo, kRoles> kInfo = {{
    {Role::kEmbed, "embed.weight", kEmbedding, TensorKind::kMatrix},
    {Role::kNorm, "norm.weight", kNorm, TensorKind::kVector},
    {Role::kHcHeadFn, "hc_head_fn", kHyperConnection, TensorKind::kPlainMatrix},
    {Role::kHcHeadBase, "hc_head_base", kHyperConnection, TensorKind::kVector},
    {Role::kHcHeadScale, "hc_head_scale", kHyperConnection, TensorKind::kVector},
    {Role::kHead, "head.weight", kHead, TensorKind::kMatrix},
    {Role::kEProj, "e_proj.weight", kMtp, TensorKind::kMatrix},
    {Role::kHProj, "h_proj.weight", kMtp, TensorKind::kMatrix},
    {Role::kENorm, "enorm.weight", kMtp, TensorKind::kVector},
    {Role::kHNorm, "hnorm.weight", kMtp, TensorKind::kVector},
    {Role::kEhProj, "", kMtp, TensorKind::kMatrix},
    {Role::kHcAttnFn, "hc_attn_fn", kHyperConnection, TensorKind::kPlainMatrix},
    {Role::kHcAttnBase, "hc_attn_base", kHyperConnection, TensorKind::kVector},
    {Role::kHcAttnScale, "hc_attn_scale", kHyperConnection, TensorKind::kVector},
    {Role::kAttnNorm, "attn_norm.weight", kNorm, TensorKind::kVector},
    {Role::kAttnSink, "attn.attn_sink", kAttention, TensorKind::kVector},
    {Role::kWqA, "attn.wq_a.weight", kAttention, TensorKind::kMatrix},
    {Role::kQNorm, "attn.q_norm.weight", kNorm, TensorKind::kVector},
    {Role::kWqB, "attn.wq_b.weight", kAttention, TensorKind::kMatrix},
    {Role::kWkv, "attn.wkv.weight", kAttention, TensorKind::kMatrix},
    {Role::kKvNorm, "attn.kv_norm.weight", kNorm, TensorKind::kVector},
    {Role::kWkvB, "", kAttention, TensorKind::kMatrix},
    {Role::kWoA, "attn.wo_a.weight", kAttention, TensorKind::kMatrix},
    {Role::kWoB, "attn.wo_b.weight", kAttention, TensorKind::kMatrix},
    {Role::kWo, "", kAttention, TensorKind::kMatrix},
    {Role::kCompressorApe, "attn.compressor.ape", kCompressor, TensorKind::kVector},
    {Role::kCompressorWkv, "attn.compressor.wkv.weight", kCompressor, TensorKind::kMatrix},
    {Role::kCompressorWgate, "attn.compressor.wgate.weight", kCompressor, TensorKind::kMatrix},
    {Role::kCompressorNorm, "attn.compressor.norm.weight", kCompressor, TensorKind::kVector},
    {Role::kIndexerWqB, "attn.indexer.wq_b.weight", kIndexer, TensorKind::kMatrix},
    {Role::kIndexerWeightsProj, "attn.indexer.weights_proj.weight", kIndexer, TensorKind::kMatrix},
    {Role::kIndexerApe, "attn.indexer.compressor.ape", kIndexer, TensorKind::kVector},
    {Role::kIndexerWkv, "attn.indexer.compressor.wkv.weight", kIndexer, TensorKind::kMatrix},
    {Role::kIndexerWgate, "attn.indexer.compressor.wgate.weight", kIndexer, TensorKind::kMatrix},
    {Role::kIndexerNorm, "attn.indexer.compressor.norm.weight", kIndexer, TensorKind::kVector},
    {Role::kIndexerWk, "", kIndexer, TensorKind::kMatrix},
    {Role::kIndexerNormBias, "", kIndexer, TensorKind::kVector},
    {Role::kHcFfnFn, "hc_ffn_fn", kHyperConnection, TensorKind::kPlainMatrix},
    {Role::kHcFfnBase, "hc_ffn_base", kHyperConnection, TensorKind::kVector},
    {Role::kHcFfnScale, "hc_ffn_scale", kHyperConnection, TensorKind::kVector},
    {Role::kFfnNorm, "ffn_norm.weight", kNorm, TensorKind::kVector},
    {Role::kGate, "ffn.gate.weight", kRouter, TensorKind::kMatrix},
    {Role::kGateBias, "ffn.gate.bias", kRouter, TensorKind::kVector},
    {Role::kTid2Eid, "ffn.gate.tid2eid", kRouter, TensorKind::kTable},
    {Role::kMlpW1, "", kFeedForward, TensorKind::kMatrix},
    {Role::kMlpW2, "", kFeedForward, TensorKind::kMatrix},
    {Role::kMlpW3, "", kFeedForward, TensorKind::kMatrix},
    {Role::kExpertW1, "ffn.experts.w1.weight", kExperts, TensorKind::kMatrix},
    {Role::kExpertW2, "ffn.experts.w2.weight", kExperts, TensorKind::kMatrix},
    {Role::kExpertW3, "ffn.experts.w3.weight", kExperts, TensorKind::kMatrix},
    {Role::kSharedW1, "ffn.shared_experts.w1.weight", kSharedExperts, TensorKind::kMatrix},
    {Role::kSharedW2, "ffn.shared_experts.w2.weight", kSharedExperts, TensorKind::kMatrix},
    {Role::kSharedW3, "ffn.shared_experts.w3.weight", kSharedExperts, TensorKind::kMatrix},
}};

constexpr bool InOrder() {
  for (std::size_t i = 0; i < kRoles; ++i)
    if (kInfo[i].role != static_cast<Role>(i)) return false;
  return true;
}
static_assert(InOrder());

const RoleInfo& InfoOf(Role role) { return kInfo[static_cast<std::size_t>(role)]; }

bool IsOf(Part part, Role role) {
  const bool shared = role >= Role::kNorm && role <= Role::kHcHeadScale;
  const bool own = part == Part::kModel ? role <= Role::kHead : role >= Role::kHcAttnFn;
  const bool mtp = part == Part::kMtp && role >= Role::kEProj;
  return own || mtp || (shared && part != Part::kLayer);
}

std::optional<TensorId> V4IdOf(std::string_view name) {
  TensorId id;
  if (TakePrefix(name, "layers."))
    id.part = Part::kLayer;
  else if (TakePrefix(name, "mtp."))
    id.part = Part::kMtp;
  if (id.part != Part::kModel && !TakeNumber(name, &id.layer)) return std::nullopt;
  std::string role(name);
  std::string_view rest = name;
  const bool expert = TakePrefix(rest, kExpertsPart) && TakeNumber(rest, &id.expert);
  if (expert) role = fmt::format("{}{}", kExpertsPart, rest);
  for (const RoleInfo& info : kInfo) {
    if (info.name.empty() || info.name != role || !IsOf(id.part, info.role)) continue;
    if (expert != IsRoutedExpert(info.role)) return std::nullopt;
    id.role = info.role;
    return id;
  }
  return std::nullopt;
}

std::optional<TensorId> IdOf(std::string_view name) {
  const auto id = V4IdOf(name);
  return id ? id : V32IdOf(name);
}

// By the first part of the name: other releases bundle drafters of their own.
bool IsDrafter(std::string_view name) {
  for (const std::string_view prefix : {"mtp.", "draft", "dspark", "eagle"})
    if (name.starts_with(prefix)) return true;
  return false;
}

}  // namespace

const char* ComponentName(Component component) {
  constexpr const char* kNames[kComponents] = {
      "embedding",      "attention projections",  "compressors", "indexer",           "experts",
      "shared experts", "dense feed forward",     "router",      "hyper-connections", "norms",
      "head",           "multi-token prediction", "other"};
  return kNames[static_cast<std::size_t>(component)];
}

TensorKind KindOf(Role role) { return InfoOf(role).kind; }

bool IsRoutedExpert(Role role) { return role >= Role::kExpertW1 && role <= Role::kExpertW3; }

Component ComponentOf(const TensorId& id) {
  return id.part == Part::kMtp ? kMtp : InfoOf(id.role).component;
}

std::string NameOf(const TensorId& id) {
  if (id.naming == Naming::kV32) return V32NameOf(id);
  HADAL_CHECK(!InfoOf(id.role).name.empty());
  std::string name = id.part == Part::kLayer ? fmt::format("layers.{}.", id.layer)
                     : id.part == Part::kMtp ? fmt::format("mtp.{}.", id.layer)
                                             : "";
  std::string_view role = InfoOf(id.role).name;
  if (IsRoutedExpert(id.role)) {
    role.remove_prefix(kExpertsPart.size());
    name += fmt::format("{}{}.", kExpertsPart, id.expert);
  }
  return name.append(role);
}

std::string ScaleName(const TensorId& id) {
  std::string name = NameOf(id);
  HADAL_CHECK(name.ends_with(kWeight));
  name.resize(name.size() - kWeight.size());
  return name.append(ScaleSuffix(id.naming));
}

std::string GroupName(const TensorId& id) {
  std::string name = id.part == Part::kMtp ? "mtp." : "";
  name += id.naming == Naming::kV4 ? InfoOf(id.role).name : V32RoleName(id);
  if (name.ends_with(kWeight)) name.resize(name.size() - kWeight.size());
  return name;
}

Recognised Recognise(std::string_view name) {
  if (const auto id = IdOf(name)) return {Recognised::Kind::kTensor, *id};
  for (const Naming naming : {Naming::kV4, Naming::kV32}) {
    const std::string_view suffix = ScaleSuffix(naming);
    if (!name.ends_with(suffix)) continue;
    std::string weight(name.substr(0, name.size() - suffix.size()));
    const auto id = IdOf(weight.append(kWeight));
    if (id && id->naming == naming && KindOf(id->role) == TensorKind::kMatrix)
      return {Recognised::Kind::kScale, *id};
  }
  const bool copy = name.find("emb") != name.npos || name.ends_with("head.weight");
  if ((name.starts_with("mtp.") && copy) || IsV32SharedCopy(name))
    return {Recognised::Kind::kSharedCopy, {}};
  return {IsDrafter(name) ? Recognised::Kind::kDrafter : Recognised::Kind::kUnknown, {}};
}

Recognised Recognise(std::string_view name, const Config& config) {
  Recognised found = Recognise(name);
  TensorId& id = found.id;
  if (id.naming == Naming::kV32 && id.part == Part::kLayer && id.layer >= config.num_hidden_layers)
    id.part = Part::kMtp;
  return found;
}

Component Recognised::component() const {
  switch (kind) {
    case Kind::kTensor:
    case Kind::kScale:
      return ComponentOf(id);
    case Kind::kSharedCopy:
    case Kind::kDrafter:
      return kMtp;
    case Kind::kUnknown:
      break;
  }
  return kOther;
}

}  // namespace hadal::arch
