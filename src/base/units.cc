#include "base/units.h"

#include <charconv>
#include <cmath>
#include <span>

namespace hadal {

namespace {

// The unit in which the value has one to three digits in front of its point.
std::string Scaled(std::uint64_t bytes, double step, std::span<const char* const> units) {
  double value = static_cast<double>(bytes) / step;
  std::size_t unit = 0;
  while (value >= step - 0.05 && unit + 1 < units.size()) {
    value /= step;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, value < 10 ? 2 : 1, units[unit]);
}

}  // namespace

std::string FormatBytes(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  return bytes < 1000 ? fmt::format("{} B", bytes) : Scaled(bytes, 1000, kUnits);
}

std::string FormatBytesBinary(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  return bytes < 1024 ? fmt::format("{} B", bytes) : Scaled(bytes, 1024, kUnits);
}

std::string FormatCount(std::uint64_t n) {
  std::string digits = std::to_string(n);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string FormatDuration(double seconds) {
  if (!(seconds >= 0) || seconds > 1e9) return "?";
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const auto total = static_cast<std::uint64_t>(std::llround(seconds));
  if (total < 3600) return fmt::format("{}:{:02}", total / 60, total % 60);
  return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
}

Result<std::uint64_t> ParseSize(std::string_view text) {
  double number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view suffix = text.substr(static_cast<std::size_t>(end - text.data()));
  struct Suffix {
    std::string_view name;
    double factor;
  };
  constexpr Suffix kSuffixes[] = {{"", 1},        {"B", 1},        {"K", 0x1p10},   {"M", 0x1p20},
                                  {"G", 0x1p30},  {"kB", 1e3},     {"KB", 1e3},     {"MB", 1e6},
                                  {"GB", 1e9},    {"TB", 1e12},    {"k", 0x1p10},   {"m", 0x1p20},
                                  {"g", 0x1p30},  {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30},
                                  {"TiB", 0x1p40}};
  if (problem == std::errc() && number >= 0)
    for (const Suffix& unit : kSuffixes)
      if (unit.name == suffix && number * unit.factor < 0x1p63 &&
          (unit.factor > 1 || number == std::floor(number)))
        return static_cast<std::uint64_t>(std::llround(number * unit.factor));
  return Fail(Code::kInvalid, "'{}' is not a size; write 4096, 128K, 1M, 96GB or 96GiB", text);
}

}  // namespace hadal
