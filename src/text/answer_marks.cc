#include "text/answer_marks.h"

#include <algorithm>
#include <optional>

namespace hadal::text {

Result<MarkedText> ReadAnswerMarks(std::string_view document) {
  MarkedText marked;
  std::optional<std::size_t> begin;
  for (std::size_t i = 0; i < document.size(); ++i) {
    const char c = document[i];
    if (c != kAnswerBegin && c != kAnswerEnd) {
      marked.text += c;
      continue;
    }
    if (begin.has_value() != (c == kAnswerEnd))
      return Fail(Code::kInvalid, "answer marks: found {} at byte {}, expected {}",
                  c == kAnswerEnd ? "U+0003" : "U+0002", i,
                  begin ? "the answer's end, U+0003" : "an answer's beginning, U+0002, before it");
    if (begin) {
      marked.answers.push_back({*begin, marked.text.size()});
      begin.reset();
    } else {
      begin = marked.text.size();
    }
  }
  if (begin)
    return Fail(Code::kInvalid, "answer marks: found the document's end, expected U+0003 first");
  return marked;
}

std::string WithoutAnswerMarks(std::string_view document) {
  std::string text(document);
  std::erase_if(text, [](char c) { return c == kAnswerBegin || c == kAnswerEnd; });
  return text;
}

}  // namespace hadal::text
