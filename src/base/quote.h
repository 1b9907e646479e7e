// Text from a file or an argument, fit to stand in an error: 'text' on one line.
#pragma once
#include <string>
#include <string_view>

namespace hadal {

// Control characters become \n, \t, \r or \xNN; of a long text the first 60 bytes are shown, and how
// many there are. Other bytes stay as they are.
std::string Quote(std::string_view text);

}  // namespace hadal
