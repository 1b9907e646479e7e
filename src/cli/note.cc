#include "cli/note.h"

#include <cstdio>

#include "base/quote.h"

namespace hadal::cli {

void PrintNote(std::string_view line) {
  std::fprintf(stderr, "hadal: %s\n", EscapeLines(line).c_str());
}

}  // namespace hadal::cli
