// Whether a model finds again what it has read: sentences with a key and a value ("needles") lie in
// a long text, and at its end every one is asked for.
//
// One reading of a text serves many trials: it holds as many needles as its share allows, and after
// the last token the sequence is forked for every question. So each question has all the others'
// needles as distractors, which makes it harder than a text with one. The answer is given up to the
// value ("The code of the stone boat is"), and a trial is won if every token of the value, and the
// full stop behind it, is the model's first choice. With `unaided` the model answers the question
// alone, and a trial is won if its answer has the value as a word.
//
// A lost trial is looked into, for the first token that was wrong:
//   readout     the model does not find it in a text of a few hundred tokens either
//   recall      no layer with an indexer chose an entry that the token went into
//   resolution  an entry was chosen, and the model said another token of the same entry
//   position    an entry was chosen, and the model said something else: near by it would have found
//               it, so distance, or the other entries of so long a text, kept it from it
//   wording     (unaided) it finds the value when the answer is begun for it
// A model without an indexer loses nothing by "recall". Entries are those of the architecture: of
// eight tokens in a CSA layer of V4, of one token in V3.2.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "engine/model_files.h"

namespace hadal::eval {

struct NeedleOptions {
  std::vector<std::size_t> lengths = {4096, 16384, 65536};  // tokens, the question included
  std::size_t depths = 5;   // from 0 (the beginning) to 100 %, equally far from each other
  std::size_t trials = 20;  // a length and depth
  double share = 0.1;       // of a text's tokens are needles, at most
  std::uint64_t seed = 1;
  bool unaided = false;
  std::string haystack = {};  // the text, again and again if it is short; empty: made-up stories
  std::optional<std::uint64_t> ram_bytes = {};
  const std::atomic<bool>* cancel = nullptr;
};

enum class NeedleStage { kReadout, kRecall, kResolution, kPosition, kWording };
inline constexpr std::array<const char*, 5> kNeedleStages = {"readout", "recall", "resolution",
                                                             "position", "wording"};

struct NeedleCell {
  std::size_t length = 0;
  double depth = 0;  // 0 to 1
  std::size_t trials = 0, found = 0;
  std::array<std::size_t, kNeedleStages.size()> lost = {};  // by stage
  std::size_t chosen = 0;  // trials in which a layer chose an entry of the value's first token
};

struct NeedleResult {
  std::vector<NeedleCell> cells;  // lengths in order, each with all depths
  bool unaided = false;
  bool chat = true;  // asked in the chat format; false: the tokenizer lacks its control tokens
  std::size_t indexed_layers = 0;  // layers with an indexer
};

struct NeedleCallbacks {
  std::function<void(std::uint64_t done, std::uint64_t total)> on_progress = {};  // tokens
  std::function<void(std::string_view)> on_note = {};
};

// kInvalid: a length beyond the model's context, or too short for one needle. kExhausted as
// engine/footprint.h. kCancelled.
Result<NeedleResult> RunNeedles(const engine::ModelFiles& files, Threads& threads,
                                const NeedleOptions& options, const NeedleCallbacks& callbacks);

}  // namespace hadal::eval
