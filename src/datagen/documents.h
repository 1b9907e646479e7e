// Documents of every kind, in the form that the trainer reads: text, in which conversations hold
// their control tokens. A document is a function of (half, kind, seed, index).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "datagen/recall.h"

namespace hadal::datagen {

enum class Kind {
  kStory,      // as prose, or told on request
  kDialogue,   // small talk, remembering
  kQuestions,  // about a story or a list of facts, in a conversation
  kTools,      // a call, its result, a reply; or that no tool fits
  kLists,      // copying, counting
  kPairs,      // recall, see RecallLevel
  kSentences,
  kNeedles,
  kDrills,  // calls of tools whose names cannot be foreseen
};
inline constexpr Kind kAllKinds[] = {Kind::kStory,     Kind::kDialogue, Kind::kQuestions,
                                     Kind::kTools,     Kind::kLists,    Kind::kPairs,
                                     Kind::kSentences, Kind::kNeedles,  Kind::kDrills};
const char* KindName(Kind kind);
Result<Kind> ParseKind(std::string_view name);  // kInvalid names the known ones

struct DocumentOptions {
  Half half = Half::kTraining;
  std::uint64_t seed = 1;
  std::size_t recall_bytes = 900;  // length of a recall document, about
  std::size_t recall_needles = 4;
  std::size_t recall_nearest_bytes = 300;  // RecallOptions::nearest_bytes
  std::size_t tool_turns = 6;              // requests in a conversation with tools, at most
  bool mark_answers = true;                // they alone are then learnt
  std::vector<std::string> prose = {};  // paragraphs for half of the filler; empty: stories alone
};

std::string MakeDocument(Kind kind, std::uint64_t index, const DocumentOptions& options);

}  // namespace hadal::datagen
