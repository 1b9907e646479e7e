// Cuts text into the pieces within which tokens may merge.
//
// A list of patterns, each applied to the pieces that the one before it left: every match is a
// piece, and so is every stretch between matches. Pieces follow each other and together are the
// text. Characters are letters, numbers and so on as in Unicode 16.
//
// Immutable; any thread may use it with a RegexScratch of its own.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/regex.h"
#include "text/unicode16.h"
#include "text/utf8.h"

namespace hadal::text {

struct SplitPattern {
  std::string pattern;
  bool literal = false;
};

// What GPT-2's byte-level step splits by, unless told not to (use_regex).
extern const std::string_view kGpt2Pattern;
// The three splits of DeepSeek-V3 and V4: digits by three, Chinese and Japanese, words and the
// rest.
std::vector<SplitPattern> DeepSeekPatterns();

class PreTokenizer {
 public:
  // add_prefix_space: the pieces of the first `splits` patterns get a space in front unless they
  // begin with one; the patterns after those see it.
  struct Options {
    std::vector<SplitPattern> patterns = {};
    bool add_prefix_space = false;
    std::size_t splits = 0;
  };
  static Result<PreTokenizer> Make(const Options& options);

  // Calls emit(piece) for every piece, none of them empty, in order. The text is valid UTF-8.
  template <class F>
  void Split(std::string_view text, RegexScratch* scratch, F&& emit) const {
    if (text.empty()) return;
    const bool newer = !newer_stages_.empty() && HasNewCharacter(text);
    Step(newer ? newer_stages_ : stages_, 0, text, scratch, emit);
  }

 private:
  PreTokenizer() = default;

  template <class F>
  void Step(const std::vector<Regex>& stages, std::size_t stage, std::string_view text,
            RegexScratch* scratch, F& emit) const {
    if (add_prefix_space_ && stage == splits_ && text[0] != ' ') {
      const std::string spaced = ' ' + std::string(text);
      return Match(stages, stage, spaced, scratch, emit);
    }
    Match(stages, stage, text, scratch, emit);
  }

  template <class F>
  void Match(const std::vector<Regex>& stages, std::size_t stage, std::string_view text,
             RegexScratch* scratch, F& emit) const {
    if (stage == stages.size()) return emit(text);
    const auto cut = [&](std::size_t begin, std::size_t end) {
      if (begin < end) Step(stages, stage + 1, text.substr(begin, end - begin), scratch, emit);
    };
    std::size_t done = 0, from = 0;
    while (from < text.size()) {
      const auto match = stages[stage].Find(text, from, scratch);
      if (!match) break;
      cut(done, match->begin);
      cut(match->begin, match->end);
      done = match->end;
      from = match->end;
      if (match->begin == match->end && from < text.size())  // an empty match only cuts
        from += FirstUtf8Char(text.substr(from)).bytes;
    }
    cut(done, text.size());
  }

  std::vector<Regex> stages_;
  std::vector<Regex> newer_stages_;  // the same in Unicode 16; empty if the library knows it
  bool add_prefix_space_ = false;
  std::size_t splits_ = 0;
};

}  // namespace hadal::text
