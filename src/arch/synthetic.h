// What config.json says of random weights: from what they were drawn and how evenly their routers
// choose, so that a figure that was measured of them can say so. No other program reads it.
//
//   "hadal_synth": {"seed": 1, "skew": 0.8}
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"

namespace hadal::arch {

struct Synthetic {
  std::uint64_t seed = 0;
  double skew = 0;  // of the choice of experts (convert/expert_skew.h); 0: about even
};
void NoteSynthetic(const Synthetic& synthetic, Json* config);
// None: other weights, random ones of an earlier release, or a note that makes no sense.
std::optional<Synthetic> SyntheticOf(const Json& config);

// How the experts of such a checkpoint are chosen for random tokens: "skewed: ..".
std::string RoutingInWords(const std::optional<Synthetic>& synthetic);

}  // namespace hadal::arch
