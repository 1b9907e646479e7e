// The work of `hadal data`: documents to train on, and their held-out counterparts.
#pragma once
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "base/result.h"

namespace hadal::cli {

struct DataOptions {
  std::string out;                     // a directory: KIND.txt of every kind
  std::vector<std::string> documents;  // "story=1000"
  std::uint64_t bytes = 0;             // in all, of which documents give the shares; 0: they count
  std::string half = "training";       // or "heldout"
  std::string learn = "answers";       // of conversations and recall; or "all"
  std::uint64_t seed = 1;
  std::size_t recall_bytes = 900, needles = 4, nearest_bytes = 300, tool_turns = 6;
  std::vector<std::string> prose;  // text files whose paragraphs are filler
  std::string separator = "\n\f\n";
  bool force = false;  // replace files that are there
};

Status MakeData(const DataOptions& options, std::ostream& out);

}  // namespace hadal::cli
