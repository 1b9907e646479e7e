#include "server/prefix_watch.h"

#include <fmt/format.h>

namespace hadal::server {

std::string PrefixLine(const cache::PrefixUse& use) {
  if (!use.asked) return {};
  return fmt::format(" known={} miss={}{}", use.known, cache::PrefixMissName(use.miss),
                     use.from_disk > 0 ? fmt::format(" from_disk={}", use.from_disk) : "") +
         (use.disk == cache::DiskOutcome::kNotAsked
              ? ""
              : fmt::format(" disk={}", cache::DiskOutcomeName(use.disk)));
}

std::optional<std::string> PrefixWatch::Saw(const cache::PrefixUse& use) {
  if (!use.asked) return std::nullopt;
  const bool lost = use.cached == 0 && use.known >= kLongPrefix;
  const bool early = use.tokens >= kLongText && use.known >= kAlike && use.known < kLongPrefix;
  lost_ = lost ? lost_ + 1 : 0;
  early_ = early ? early_ + 1 : 0;
  if (lost_ == kInARow) {
    lost_ = 0;
    return fmt::format(
        "prefixes requests={} what=\"they began like earlier ones and were read from the "
        "beginning; the last: {} of {} tokens known, {}; --cache-ram keeps more\"",
        kInARow, use.known, use.tokens, cache::PrefixMissName(use.miss));
  }
  if (early_ == kInARow) {
    early_ = 0;
    return fmt::format(
        "prefixes requests={} what=\"long prompts that differ from all earlier ones near their "
        "beginning; the last: token {} of {}; is a date or a number there that changes with every "
        "request?\"",
        kInARow, use.known, use.tokens);
  }
  return std::nullopt;
}

}  // namespace hadal::server
