// A line on stderr that the user should see, and that stops nothing: "hadal: LINE".
#pragma once
#include <string_view>

namespace hadal::cli {

void PrintNote(std::string_view line);  // what names and files hold is escaped

// Where the text is not UTF-8, and what becomes of it; `source` is its file, or what it is.
void NoteOtherBytes(std::string_view source, std::string_view text);

}  // namespace hadal::cli
