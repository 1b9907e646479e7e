#include "engine/next_tokens.h"

#include <algorithm>

namespace hadal::engine {
namespace {

void Allow(std::int32_t token, std::vector<std::uint64_t>* allowed) {
  const auto index = static_cast<std::size_t>(token);
  allowed->resize(std::max(allowed->size(), index / 64 + 1));
  (*allowed)[index / 64] |= std::uint64_t{1} << index % 64;
}

}  // namespace

NextTokens::NextTokens(const ConstraintOptions& constraint, const StopOptions& stop,
                       std::span<const std::int32_t> eos_ids)
    : eos_ids_(eos_ids), ends_(stop.token_ids), early_(stop.min_tokens), constraint_(constraint) {
  if (!stop.ignore_eos) ends_.insert(ends_.end(), eos_ids.begin(), eos_ids.end());
}

std::optional<Restriction> NextTokens::MayComeNext(std::vector<std::uint64_t>* allowed) {
  const Constraint::Choice choice = constraint_.Next(allowed);
  if (!choice.restricted) {
    Restriction free;
    if (early_ > 0 || !choice.may_end) free.forbidden = ends_;
    return free;
  }
  const bool nothing_else =
      std::ranges::all_of(*allowed, [](std::uint64_t word) { return word == 0; });
  if (choice.may_end && (nothing_else || early_ == 0)) {
    if (nothing_else && ends_.empty()) return std::nullopt;
    for (const std::int32_t end : ends_) Allow(end, allowed);
  }
  return Restriction{.allowed = *allowed};
}

Status NextTokens::Accept(std::int32_t token) {
  if (early_ > 0) --early_;
  return constraint_.Accept(token);
}

std::optional<FinishReason> NextTokens::Ends(std::int32_t token) const {
  if (std::ranges::count(ends_, token) == 0) return std::nullopt;
  return std::ranges::count(eos_ids_, token) != 0 ? FinishReason::kEos : FinishReason::kStop;
}

bool Allows(const Restriction& restriction, std::int32_t token) {
  if (std::ranges::count(restriction.forbidden, token) != 0) return false;
  if (!restriction.allowed) return true;
  const std::size_t index = static_cast<std::size_t>(token), word = index / 64;
  return word < restriction.allowed->size() &&
         ((*restriction.allowed)[word] >> index % 64 & 1) != 0;
}

}  // namespace hadal::engine
