// UTF-8: checking, lossy repair, and walking character by character.
//
// A bad sequence is replaced by one U+FFFD per maximal subpart: the longest prefix of a well-formed
// character, or one byte where there is none.
// Source: The Unicode Standard, section 3.9, "U+FFFD Substitution of Maximal Subparts", table 3-7.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hadal::text {

inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// The first bytes of a text, read as one character.
struct Utf8Step {
  std::size_t bytes;  // of the character, or of the maximal bad subpart; 0 only for an empty text
  bool valid;
  bool incomplete;  // not valid, but more bytes at the end could make it so
};
Utf8Step StepUtf8(std::string_view text);

std::size_t ValidUtf8Prefix(std::string_view text);  // bytes before the first bad sequence
void AppendLossy(std::string_view bytes, std::string* out);

// How many bytes at the end, 0 to 3, begin a character that further bytes could finish.
std::size_t IncompleteUtf8Tail(std::string_view bytes);

// The first character of a text that is valid UTF-8 and not empty, and how many bytes it takes.
struct Utf8Char {
  std::uint32_t code;
  std::size_t bytes;
};
Utf8Char FirstUtf8Char(std::string_view valid);
void AppendUtf8(std::uint32_t code, std::string* out);  // code <= 0x10FFFF

}  // namespace hadal::text
