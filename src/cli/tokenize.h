// The work of `hadal tokenize`: text to token ids and back.
#pragma once
#include <istream>
#include <ostream>
#include <string>

#include "base/result.h"

namespace hadal::cli {

struct TokenizeOptions {
  std::string model =
      {};  // a directory with tokenizer.json, or such a file; empty: the embedded model
  std::string text = {}, file = {};  // the input; neither: `in`
  bool text_given = false;
  bool decode = false;   // ids in, text out
  bool jsonl = false;    // one JSON object a line, in and out
  bool json = false;     // one JSON object out
  bool verbose = false;  // the bytes of every token beside its id
};

Status Tokenize(const TokenizeOptions& options, std::istream& in, std::ostream& out);

}  // namespace hadal::cli
