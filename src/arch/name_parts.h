// Parts of tensor names, for the readers of namings.
#pragma once
#include <charconv>
#include <string_view>
#include <system_error>

namespace hadal::arch {

inline bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// "12." at the front, as NameOf writes it: no sign, no leading zero.
inline bool TakeNumber(std::string_view& text, std::size_t* number) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), *number);
  const auto digits = static_cast<std::size_t>(end - text.data());
  if (problem != std::errc() || digits == text.size() || text[digits] != '.') return false;
  if (digits > 1 && text[0] == '0') return false;
  text.remove_prefix(digits + 1);
  return true;
}

}  // namespace hadal::arch
