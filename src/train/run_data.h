// The text of a run, read, split and tokenized.
#pragma once
#include "arch/config.h"
#include "train/data.h"
#include "train/train_config.h"

namespace hadal::train {

struct RunData {
  text::Tokenizer tokenizer;
  MarkOptions marks;
  Corpus train, heldout;  // each with at least one row
};

// kInvalid: the tokenizer has more tokens than the model, a document mark has no token, too little
// text; and what reading reports.
Result<RunData> ReadRunData(const TrainConfig& config, const arch::Config& model,
                            std::size_t threads);

}  // namespace hadal::train
