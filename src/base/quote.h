// Text from a file or an argument, fit to stand in an error: 'text' on one line.
#pragma once
#include <string>
#include <string_view>

namespace hadal {

// Control characters and bytes that are not UTF-8 become \n, \t, \r or \xNN: nothing in it can end
// the line or command a terminal.
std::string OneLine(std::string_view text);

// The same of every line; the line ends stay.
std::string EscapeLines(std::string_view text);

// OneLine within '...'; of a long text the first 60 bytes are shown, and how many there are.
std::string Quote(std::string_view text);

}  // namespace hadal
