// Guesses how texts go on, so that one pass can look at several tokens of each.
//
// A guess changes no text: the scheduler draws every token from the model's own logits, and a guess
// that differs from the draw is dropped (engine/scheduler.h). So a drafter may be wrong, may guess
// nothing, and may use whatever it finds: the text so far, the streams that the last pass left
// behind, weights and state of its own. It is asked between passes, by the thread that steps the
// scheduler, for all texts of the pass at once, so that one with weights reads them once, and one
// that guesses a block of tokens at once has room for it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "cache/sequence.h"
#include "engine/outlook.h"

namespace hadal::engine {

// How sure a drafter was, in a scale of its own; how often guesses of each class are right is
// learnt (engine/acceptance.h).
using Evidence = std::uint8_t;
inline constexpr std::size_t kEvidences = 8;

struct Guess {
  std::int32_t token = 0;
  Evidence evidence = 0;
};

// One text behind a pass.
struct DraftText {
  // Prompt and text. The sequence has processed some, one less than all of them if anything is
  // wanted; it stays where it is, but for the MTP block's part of it.
  std::span<const std::int32_t> tokens;
  cache::Sequence* sequence;
  // Rows of the last pass: those of the last `rows` tokens that the sequence has processed.
  std::size_t first_row, rows;
  std::size_t most;                 // guesses wanted; 0: the drafter is only to follow
  Outlook outlook;                  // from behind the last token
  std::vector<Guess> guesses = {};  // to be filled: the next token, the one after it, ..
};

class Drafter {
 public:
  virtual ~Drafter() = default;
  // After every pass, with every text of it that goes on. An error is the drafter's alone: behind
  // kExhausted, memory that was not there now, it has guessed nothing; behind any other it is not
  // asked again.
  virtual Status Draft(std::span<DraftText> texts) = 0;
};

}  // namespace hadal::engine
