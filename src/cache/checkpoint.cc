#include "cache/checkpoint.h"

namespace hadal::cache {

Result<Checkpoint> Checkpoint::Take(const Sequence& sequence) {
  const std::uint64_t begun = sequence.tokens() % arch::kPageTokens;
  if (begun != 0)
    return Fail(Code::kInvalid, "checkpoint at {} tokens: expected the end of a page, {} or {}",
                sequence.tokens(), sequence.tokens() - begun,
                sequence.tokens() - begun + arch::kPageTokens);
  HADAL_TRY(Sequence held, sequence.Fork());
  return Checkpoint(std::move(held));
}

}  // namespace hadal::cache
