// Learns a byte-level BPE vocabulary and writes it as tokenizer.json in the published format.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hadal::text {

struct BpeTrainOptions {
  std::size_t vocab_size = 4096;  // including the 256 bytes and the added tokens
  // Added tokens take the ids right after the learnt ones, except the first `leading_tokens`, which
  // take 0, 1, ... as in the published files (BOS 0, EOS 1, PAD 2).
  std::vector<std::string> leading_tokens = {};
  std::vector<std::string> added_tokens = {};
  std::size_t min_count = 2;  // a pair seen less often is not merged
};

// Deterministic: ties go to the pair of the lower ids. progress(done, total) may be empty.
Result<std::string> TrainBpe(const std::vector<std::string_view>& texts,
                             const BpeTrainOptions& options,
                             const std::function<void(std::size_t, std::size_t)>& progress);

}  // namespace hadal::text
