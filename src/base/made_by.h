// The mark of pictures and pages that the program writes: it knows its own again, to replace them.
#pragma once
#include <string_view>

namespace hadal {

// A comment near the beginning, of SVG and of HTML.
inline constexpr std::string_view kMadeBy = "<!-- made by hadal -->";

}  // namespace hadal
