#include "arch/tensor_names.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

#include "base/check.h"

namespace hadal::arch {
namespace {

constexpr std::string_view kWeight = ".weight", kScale = ".scale", kExpertsPart = "ffn.experts.";

struct RoleInfo {
  Role role;
  std::string_view name;  // of the experts: without their number
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
    {Role::kWoA, "attn.wo_a.weight", kAttention, TensorKind::kMatrix},
    {Role::kWoB, "attn.wo_b.weight", kAttention, TensorKind::kMatrix},
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
    {Role::kHcFfnFn, "hc_ffn_fn", kHyperConnection, TensorKind::kPlainMatrix},
    {Role::kHcFfnBase, "hc_ffn_base", kHyperConnection, TensorKind::kVector},
    {Role::kHcFfnScale, "hc_ffn_scale", kHyperConnection, TensorKind::kVector},
    {Role::kFfnNorm, "ffn_norm.weight", kNorm, TensorKind::kVector},
    {Role::kGate, "ffn.gate.weight", kRouter, TensorKind::kMatrix},
    {Role::kGateBias, "ffn.gate.bias", kRouter, TensorKind::kVector},
    {Role::kTid2Eid, "ffn.gate.tid2eid", kRouter, TensorKind::kTable},
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

bool IsOf(Place place, Role role) {
  const bool shared = role >= Role::kNorm && role <= Role::kHcHeadScale;
  const bool own = place == Place::kModel ? role <= Role::kHead : role >= Role::kHcAttnFn;
  const bool mtp = place == Place::kMtp && role >= Role::kEProj;
  return own || mtp || (shared && place != Place::kLayer);
}

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// "12." at the front, as NameOf writes it: no sign, no leading zero.
bool TakeNumber(std::string_view& text, std::size_t* number) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), *number);
  const auto digits = static_cast<std::size_t>(end - text.data());
  if (problem != std::errc() || digits == text.size() || text[digits] != '.') return false;
  if (digits > 1 && text[0] == '0') return false;
  text.remove_prefix(digits + 1);
  return true;
}

std::optional<TensorId> IdOf(std::string_view name) {
  TensorId id;
  if (TakePrefix(name, "layers."))
    id.place = Place::kLayer;
  else if (TakePrefix(name, "mtp."))
    id.place = Place::kMtp;
  if (id.place != Place::kModel && !TakeNumber(name, &id.layer)) return std::nullopt;
  std::string role(name);
  std::string_view rest = name;
  const bool expert = TakePrefix(rest, kExpertsPart) && TakeNumber(rest, &id.expert);
  if (expert) role = fmt::format("{}{}", kExpertsPart, rest);
  for (const RoleInfo& info : kInfo) {
    if (info.name != role || !IsOf(id.place, info.role)) continue;
    if (expert != IsRoutedExpert(info.role)) return std::nullopt;
    id.role = info.role;
    return id;
  }
  return std::nullopt;
}

// By the first part of the name: other releases bundle drafters of their own.
bool IsDrafter(std::string_view name) {
  for (const std::string_view prefix : {"mtp.", "draft", "dspark", "eagle"})
    if (name.starts_with(prefix)) return true;
  return false;
}

}  // namespace

const char* ComponentName(Component component) {
  constexpr const char* kNames[kComponents] = {"embedding",
                                               "attention projections",
                                               "compressors",
                                               "indexer",
                                               "experts",
                                               "shared experts",
                                               "router",
                                               "hyper-connections",
                                               "norms",
                                               "head",
                                               "multi-token prediction",
                                               "other"};
  return kNames[static_cast<std::size_t>(component)];
}

TensorKind KindOf(Role role) { return InfoOf(role).kind; }

bool IsRoutedExpert(Role role) { return role >= Role::kExpertW1 && role <= Role::kExpertW3; }

Component ComponentOf(const TensorId& id) {
  return id.place == Place::kMtp ? kMtp : InfoOf(id.role).component;
}

std::string NameOf(const TensorId& id) {
  std::string name = id.place == Place::kLayer ? fmt::format("layers.{}.", id.layer)
                     : id.place == Place::kMtp ? fmt::format("mtp.{}.", id.layer)
                                               : "";
  std::string_view role = InfoOf(id.role).name;
  if (IsRoutedExpert(id.role)) {
    role.remove_prefix(kExpertsPart.size());
    name += fmt::format("{}{}.", kExpertsPart, id.expert);
  }
  return name.append(role);
}

std::string ScaleName(std::string_view weight_name) {
  HADAL_CHECK(weight_name.ends_with(kWeight));
  return std::string(weight_name.substr(0, weight_name.size() - kWeight.size())).append(kScale);
}

std::string GroupName(const TensorId& id) {
  std::string name = id.place == Place::kMtp ? "mtp." : "";
  name += InfoOf(id.role).name;
  if (name.ends_with(kWeight)) name.resize(name.size() - kWeight.size());
  return name;
}

Recognised Recognise(std::string_view name) {
  if (const auto id = IdOf(name)) return {Recognised::Kind::kTensor, *id};
  if (name.ends_with(kScale)) {
    std::string weight(name.substr(0, name.size() - kScale.size()));
    const auto id = IdOf(weight.append(kWeight));
    if (id && KindOf(id->role) == TensorKind::kMatrix) return {Recognised::Kind::kScale, *id};
  }
  const bool copy = name.find("emb") != name.npos || name.ends_with("head.weight");
  if (name.starts_with("mtp.") && copy) return {Recognised::Kind::kSharedCopy, {}};
  return {IsDrafter(name) ? Recognised::Kind::kDrafter : Recognised::Kind::kUnknown, {}};
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
