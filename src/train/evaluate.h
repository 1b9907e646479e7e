// How well the model predicts text that it was not trained on.
#pragma once
#include <functional>
#include <vector>

#include "text/tokenizer.h"
#include "train/batch_gradient.h"
#include "train/data.h"
#include "train/run_log.h"

namespace hadal::train {

class HeldoutSet {
 public:
  // At most `tokens` tokens (whole rows) of the corpus, the same ones every time. Bits per byte
  // count the bytes of the predicted tokens' text; `marks` (BOS, EOS) have none. The corpus must
  // not be empty.
  HeldoutSet(const Corpus& corpus, std::size_t row_tokens, std::size_t tokens, std::uint64_t seed,
             const text::Tokenizer& tokenizer, const MarkOptions& marks);

  // f(model, index, rows) for the set's rows, `rows` at a time, side by side; stops at an error.
  struct Rows {
    Batch batch;
    torch::Tensor targets;  // [rows, tokens] int64, Sample::kIgnored where there is none
  };
  using Work = std::function<void(V4Model& model, std::size_t index, const Rows& rows)>;
  Status ForRows(BatchGradient& models, std::size_t rows, const Work& f) const;
  std::size_t Batches(std::size_t rows) const { return (sample_.rows + rows - 1) / rows; }

  // In the attention and with the quantisation of `plan`; `rows` are computed at a time.
  Result<HeldoutScore> Score(BatchGradient& models, const StepPlan& plan, std::size_t rows) const;

  std::size_t targets() const { return targets_; }

 private:
  Sample sample_;
  std::size_t targets_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace hadal::train
