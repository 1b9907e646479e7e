#include "cli/speculate_flags.h"

#include "cli/flags.h"

namespace hadal::cli {

void AddSpeculateFlags(Command command, SpeculateFlags* flags) {
  command
      .AddOption("--speculate", flags->mode,
                 "who guesses tokens, so that one pass can give several: ngram looks for what the "
                 "text has said before, mtp asks the model's MTP block, auto both where they pay. "
                 "The text is the same")
      .Check(OneOf({std::begin(engine::kDraftingNames), std::end(engine::kDraftingNames)}))
      .ShowDefault();
  command
      .AddOption("--draft-depth", flags->depth,
                 "guesses that a pass tries (default: ngram 4, mtp 1, auto as many as pay)")
      .Check(WholeNumber(1, arch::kReturnTokens));
}

engine::SpeculateOptions SpeculateWith(const SpeculateFlags& flags) {
  return {.drafting = *engine::DraftingByName(flags.mode), .depth = flags.depth};
}

}  // namespace hadal::cli
