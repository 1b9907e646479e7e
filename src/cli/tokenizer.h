// The work of `hadal tokenizer train`: a vocabulary learnt from text files.
#pragma once
#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include "base/result.h"

namespace hadal::cli {

struct TrainTokenizerOptions {
  std::size_t vocab_size = 4096;
  std::string out = {};  // a name ending in .json, or a directory for tokenizer.json
  bool chat = false;     // the control tokens of conversations are added tokens
  std::vector<std::string> special = {};  // likewise; they get the highest ids
  std::vector<std::string> inputs = {};   // files, and directories of .txt files
  std::size_t min_count = 2;
  bool json = false;   // the summary as JSON
  bool force = false;  // replace a file that is there
  bool quiet = false;  // no progress line
};

// BOS, EOS and PAD take the ids 0, 1 and 2 under their published names.
Status TrainTokenizer(const TrainTokenizerOptions& options, std::ostream& out);

}  // namespace hadal::cli
