// Which part of a training document is to be learnt.
//
// In a text, U+0002 begins an answer and U+0003 ends it. A document with such marks is learnt in
// its answers alone: its other tokens are read, but nothing is asked of their prediction. One
// without marks is learnt whole. The marks are no part of the text that the model sees.
//
// A task of which a few tokens can be known, in a text that cannot be guessed, teaches only through
// those tokens; the others' loss is noise that no model can lower.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hadal::text {

inline constexpr char kAnswerBegin = '\x02', kAnswerEnd = '\x03';

struct MarkedText {
  struct Range {
    std::size_t begin, end;  // bytes of `text`
    bool operator==(const Range&) const = default;
  };
  std::string text;            // without marks
  std::vector<Range> answers;  // in order; none: everything is to be learnt
};

// kInvalid: an answer that begins inside another, or has no end, or an end without a beginning.
Result<MarkedText> ReadAnswerMarks(std::string_view document);

std::string WithoutAnswerMarks(std::string_view document);

}  // namespace hadal::text
