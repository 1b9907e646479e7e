#include "model/expert_source.h"

namespace hadal::model {

void ExpertSource::Guess(std::size_t /*layer*/, std::span<const std::uint32_t> /*experts*/) {}

Result<std::vector<HeldExpert>> MappedExperts::Acquire(std::size_t layer,
                                                       std::span<const std::uint32_t> wanted,
                                                       const Stop& /*stop*/) {
  const Moe& moe = model_.LayerAt(layer).ffn;
  std::vector<HeldExpert> held;
  held.reserve(wanted.size());
  for (const std::uint32_t expert : wanted) held.push_back({expert, moe.experts[expert]});
  return held;
}

}  // namespace hadal::model
