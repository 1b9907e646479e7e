#include "talk/kept_states.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace hadal::talk {

void KeptStates::Keep(std::span<const std::int32_t> tokens, cache::Sequence state) {
  if (kept_.size() == kMost) DropOldest();
  const auto processed = tokens.first(state.tokens());
  kept_.push_back({{processed.begin(), processed.end()}, std::move(state)});
}

std::size_t KeptStates::Usable(const Kept& kept, std::span<const std::int32_t> prompt) {
  const auto differ = std::ranges::mismatch(kept.tokens, prompt).in1 - kept.tokens.begin();
  const std::size_t common = std::min(static_cast<std::size_t>(differ), prompt.size() - 1);
  const bool whole = common == kept.tokens.size();
  return whole || common >= kept.state.earliest().tokens ? common : 0;
}

Result<std::optional<cache::Sequence>> KeptStates::Take(
    std::span<const std::int32_t> prompt) const {
  const Kept* best = nullptr;
  std::size_t most = 0;
  for (const Kept& kept : kept_)
    if (const std::size_t usable = Usable(kept, prompt); usable > most) {
      best = &kept;
      most = usable;
    }
  if (best == nullptr) return std::optional<cache::Sequence>();
  HADAL_TRY(cache::Sequence fork, best->state.Fork());
  if (fork.tokens() > most) HADAL_TRY_STATUS(fork.Truncate(most));
  return std::optional(std::move(fork));
}

bool KeptStates::DropOldest() {
  if (kept_.empty()) return false;
  kept_.erase(kept_.begin());
  return true;
}

}  // namespace hadal::talk
