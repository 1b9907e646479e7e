#include "base/quote.h"

#include <fmt/format.h>

namespace hadal {
namespace {

constexpr std::size_t kShownBytes = 60;

bool Continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

}  // namespace

std::string Quote(std::string_view text) {
  std::size_t shown = text.size();
  if (shown > kShownBytes) {
    shown = kShownBytes;
    while (shown > 0 && Continues(text[shown])) --shown;  // not within a character
  }
  std::string out = "'";
  for (const char c : text.substr(0, shown)) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      out += fmt::format("\\x{:02X}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  out += "'";
  if (shown < text.size()) out += fmt::format("... ({} bytes)", text.size());
  return out;
}

}  // namespace hadal
