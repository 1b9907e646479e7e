#include "base/quote.h"

#include <fmt/format.h>

#include <algorithm>

namespace hadal {
namespace {

constexpr std::size_t kShownBytes = 60;

bool Continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

// The bytes of the character that begins the text, if it is one that a terminal shows: no control
// character and well-formed UTF-8, without surrogates and detours. Otherwise 0.
std::size_t ShownCharacter(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = at(0);
  if (first < 0x80) return first < 0x20 || first == 0x7F ? 0 : 1;
  const std::size_t bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < bytes) return 0;
  for (std::size_t i = 1; i < bytes; ++i)
    if (!Continues(text[i])) return 0;
  const unsigned second = at(1);
  if (first == 0xC2 && second < 0xA0) return 0;  // control characters of two bytes
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second >= 0xA0)) return 0;
  if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second >= 0x90)) return 0;
  return bytes;
}

}  // namespace

std::string OneLine(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t shown = ShownCharacter(text);
    const char c = text[0];
    if (shown > 0)
      out += text.substr(0, shown);
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else
      out += fmt::format("\\x{:02X}", static_cast<unsigned char>(c));
    text.remove_prefix(shown > 0 ? shown : 1);
  }
  return out;
}

std::string EscapeLines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out += OneLine(text.substr(0, end));
    if (end < text.size()) out += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string Quote(std::string_view text) {
  std::size_t shown = text.size();
  if (shown > kShownBytes) {
    shown = kShownBytes;
    while (shown > 0 && Continues(text[shown])) --shown;  // not within a character
  }
  std::string out = "'" + OneLine(text.substr(0, shown)) + "'";
  if (shown < text.size()) out += fmt::format("... ({} bytes)", text.size());
  return out;
}

}  // namespace hadal
