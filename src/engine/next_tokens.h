// What may come next in a text: its constraint's tokens, and its ends.
//
// The constraint goes first, then min_tokens: before so many tokens, and where the constraint's
// text may not end, no end comes; where it must end, nothing else does. A copy goes its own way,
// so that guesses can be looked at before they are tried.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/constraint.h"
#include "engine/request.h"
#include "engine/sampler.h"

namespace hadal::engine {

class NextTokens {
 public:
  // eos_ids outlive it.
  NextTokens(const ConstraintOptions& constraint, const StopOptions& stop,
             std::span<const std::int32_t> eos_ids);

  // None: the text must end, and no token ends one. *allowed holds the answer's mask, and outlives
  // it, as this does.
  std::optional<Restriction> MayComeNext(std::vector<std::uint64_t>* allowed);
  // The token has come. kInvalid: it leads out of the constraint's language.
  Status Accept(std::int32_t token);
  // Why the text ends if this token comes; none: it does not.
  std::optional<FinishReason> Ends(std::int32_t token) const;

 private:
  std::span<const std::int32_t> eos_ids_;
  std::vector<std::int32_t> ends_;  // ids that end the text
  std::size_t early_;               // tokens that come before the text may end
  Constraint constraint_;
};

// Whether a restriction lets a token through.
bool Allows(const Restriction& restriction, std::int32_t token);

}  // namespace hadal::engine
