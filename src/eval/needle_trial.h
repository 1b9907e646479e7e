// One question about one needle, and what became of it (needle.h).
#pragma once
#include <atomic>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "cache/sequence.h"
#include "engine/finite_watch.h"
#include "engine/model_files.h"
#include "eval/haystack.h"
#include "eval/needle.h"
#include "model/forward.h"

namespace hadal::eval {

// What layers with an indexer choose, for the rows of one pass.
class SelectionWatch : public engine::FiniteWatch {
 public:
  // ratio: tokens a block. Entry i pools block i and, of more tokens than one, the block before.
  explicit SelectionWatch(std::uint64_t ratio) : ratio_(ratio) {}
  void Record(std::size_t rows) { entries_.assign(rows, {}); }  // 0: nothing
  void Selected(std::size_t layer, std::size_t row,
                std::span<const std::uint32_t> entries) override;
  // Whether any layer chose, for this row, an entry that holds the token at `position`.
  bool Holds(std::size_t row, std::uint64_t position) const;

 private:
  std::uint64_t ratio_;
  std::vector<std::vector<std::uint32_t>> entries_;  // of a row, of all layers
};

struct TrialOutcome {
  bool found = false;
  bool chosen = false;  // an entry of the value's first token was, by some layer
  // Of the first token that was wrong:
  bool seen = false;  // an entry that holds it was chosen, or it is in the window
  bool near = false;  // the model said a token that an entry holds together with the right one
};

// Where a trial that was not found is lost; found_near: the same needle was, in a short text.
inline NeedleStage StageOf(const TrialOutcome& lost, bool found_near, bool has_indexer) {
  if (!found_near) return NeedleStage::kReadout;
  if (!lost.seen && has_indexer) return NeedleStage::kRecall;
  return lost.near ? NeedleStage::kResolution : NeedleStage::kPosition;
}

class Reader {
 public:
  Reader(const engine::ModelFiles& files, const QuestionForm& form, model::Forward forward,
         const std::atomic<bool>* cancel);

  // A sequence that has read `tokens`. on_read: tokens so far.
  Result<cache::Sequence> Read(std::span<const text::TokenId> tokens,
                               const std::function<void(std::uint64_t)>& on_read);
  // The answer is given up to the value. kCorrupt: logits that are no numbers.
  Result<TrialOutcome> Ask(const cache::Sequence& read, const Haystack& haystack,
                           const PlacedNeedle& needle);

  // What the model answers, greedily, to the question alone: to its end or kAnswerTokens. Likewise.
  Result<std::string> Answer(const cache::Sequence& read, const datagen::Needle& needle);

 private:
  static constexpr std::size_t kAnswerTokens = 48;
  Result<text::TokenId> Said(std::size_t row, std::uint64_t position);
  Status Run(cache::Sequence* sequence, std::span<const text::TokenId> tokens);
  Result<TrialOutcome> Judge(const Haystack& haystack, const PlacedNeedle& needle,
                             std::span<const text::TokenId> value, std::size_t first_row,
                             std::uint64_t first_position);

  const arch::Config& config_;
  const std::uint64_t ratio_;
  const QuestionForm& form_;
  const text::Tokenizer& tokenizer_;
  const std::vector<std::int32_t>& eos_ids_;
  model::Forward forward_;
  const std::atomic<bool>* cancel_;
  SelectionWatch watch_;
  std::vector<float> logits_;
};

}  // namespace hadal::eval
