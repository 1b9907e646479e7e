// A line on stderr that the user should see, and that stops nothing: "hadal: LINE".
#pragma once
#include <string_view>

namespace hadal::cli {

void PrintNote(std::string_view line);  // what names and files hold is escaped

}  // namespace hadal::cli
