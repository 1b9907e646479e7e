#include "cli/note.h"

#include <fmt/format.h>

#include <cstdio>

#include "base/quote.h"
#include "text/utf8.h"

namespace hadal::cli {

void PrintNote(std::string_view line) {
  std::fprintf(stderr, "hadal: %s\n", EscapeLines(line).c_str());
}

void NoteOtherBytes(std::string_view source, std::string_view text) {
  if (const std::size_t valid = text::ValidUtf8Prefix(text); valid < text.size())
    PrintNote(
        fmt::format("{}: byte {} is not UTF-8; what is not is read as U+FFFD", source, valid));
}

}  // namespace hadal::cli
