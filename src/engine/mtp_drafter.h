// Guesses by the model's own MTP block, which was trained for the token after the next.
//
// It follows every pass: where the layers' streams and the next token are known, the block reads
// them, so that its window is whole; of the last row it guesses. Guesses farther ahead come from
// the block's own streams, as if they were the layers', and are taken back from its window. The
// guess is what the text would draw if the block's logits were the model's, with the same random
// number: the nearer the two are, the more often both draw the same.
//
// Where the sequence has run ahead of the block (a state that was made without it, passes in which
// it was not asked), the block goes on behind the gap, and its window begins there: guesses are
// worse until it is whole again, and the text is the same. In V3.2, whose block remembers all, what
// lies in the gap is attended to.
#pragma once
#include <cstddef>
#include <vector>

#include "engine/drafter.h"
#include "engine/sampler.h"
#include "model/forward.h"

namespace hadal::engine {

class MtpDrafter final : public Drafter {
 public:
  // The forward pass, of a model with an MTP block, outlives it and is the one that has run.
  MtpDrafter(model::Forward& forward, const arch::Config& config);

  Status Draft(std::span<DraftText> texts) override;

 private:
  struct Guessing {  // row i of the block's is the i-th one's
    DraftText* text;
    std::uint64_t true_tokens;  // of the block, without guesses
  };
  std::size_t RowsToFollow(const DraftText& text) const;
  // Makes `guessing` of those that want guesses, with one row of the block's each.
  Status Follow(std::span<DraftText> texts, std::vector<Guessing>* guessing);
  void GuessOnce(std::vector<Guessing>* guessing);
  Status GoOn(std::span<Guessing> guessing);

  model::Forward& forward_;
  const std::size_t window_;  // tokens that the block remembers; 0: all
  std::vector<float> logits_;
  SampleScratch scratch_;
};

}  // namespace hadal::engine
