#include "arch/synthetic.h"

#include <fmt/format.h>

namespace hadal::arch {
namespace {

constexpr const char* kKey = "hadal_synth";

}  // namespace

void NoteSynthetic(const Synthetic& synthetic, Json* config) {
  config->Set(kKey, Json::MakeObject({{"seed", synthetic.seed}, {"skew", synthetic.skew}}));
}

std::optional<Synthetic> SyntheticOf(const Json& config) {
  const Json* note = config.Find(kKey);
  if (note == nullptr) return {};
  const Json *seed = note->Find("seed"), *skew = note->Find("skew");
  if (seed == nullptr || skew == nullptr || !seed->AsUnsigned() || !skew->AsNumber()) return {};
  return Synthetic{*seed->AsUnsigned(), *skew->AsNumber()};
}

std::string RoutingInWords(const std::optional<Synthetic>& synthetic) {
  if (!synthetic) return "as the checkpoint's own routers choose";
  if (synthetic->skew == 0) return "about even: random weights without a skew";
  return fmt::format("skewed: random weights, the r-th expert of a layer as often as r^-{:g}",
                     synthetic->skew);
}

}  // namespace hadal::arch
