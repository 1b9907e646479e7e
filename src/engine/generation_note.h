// What a snapshot says of the text generation that it interrupts, besides the sequence's state: a
// line of JSON, and behind it ids as they lie in memory, because of a million ids JSON would take
// more memory than their text's state. What a draw needs is there: draws belong to positions. See
// docs/formats/snapshot.md.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/sampler.h"

namespace hadal::engine {

struct GenerationNote {
  std::vector<std::int32_t> tokens;  // the prompt, and behind it what was generated
  std::size_t prompt_tokens = 0;
  SampleOptions sample;
  bool constrained = false;  // the text had to obey something, which is not kept
};

std::string WriteNote(const GenerationNote& note);
// kCorrupt: not such a note, or ids outside the vocabulary. kUnsupported: of another version.
Result<GenerationNote> ReadNote(std::string_view text, std::size_t vocab_size);

}  // namespace hadal::engine
