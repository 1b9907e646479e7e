// A Unicode regular expression (PCRE2, compiled to machine code where the system allows it).
//
// Patterns are read as tokenizer files mean them (Oniguruma's reading): \s is White_Space, \w is
// letters, marks, numbers and connectors, \d is a decimal digit of any script.
//
// A Regex is immutable and may be used by any thread; each thread brings its own RegexScratch.
#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;
struct pcre2_real_jit_stack_8;

namespace hadal::text {

class RegexScratch {
 public:
  RegexScratch();
  ~RegexScratch();
  RegexScratch(const RegexScratch&) = delete;
  RegexScratch& operator=(const RegexScratch&) = delete;

 private:
  friend class Regex;
  pcre2_real_match_data_8* match_;
  pcre2_real_match_context_8* context_;
  pcre2_real_jit_stack_8* stack_;
};

class Regex {
 public:
  struct Match {
    std::size_t begin, end;
  };

  struct Options {
    bool literal = false;  // the pattern is the text to look for
    // \p{L} \p{M} \p{N} \p{P} \p{S} and \w are those of Unicode 16, whatever the library knows. A
    // third slower, so worth it only for text that has such characters.
    bool unicode16 = false;
  };
  // kUnsupported: PCRE2 does not understand the pattern.
  static Result<Regex> Compile(std::string_view pattern, Options how);
  static bool LibraryKnowsUnicode16();
  Regex(Regex&& other) noexcept;
  Regex& operator=(Regex&&) = delete;
  ~Regex();

  // The first match that begins at or after `from` (<= text.size()). The text is valid UTF-8 and
  // its ends are the ends: look-around sees nothing outside. A pattern that exhausts the matcher's
  // limits (only one that backtracks exponentially does) counts as found nowhere.
  std::optional<Match> Find(std::string_view text, std::size_t from, RegexScratch* scratch) const;

 private:
  Regex(pcre2_real_code_8* code, bool jit) : code_(code), jit_(jit) {}
  pcre2_real_code_8* code_;
  bool jit_;
};

}  // namespace hadal::text
