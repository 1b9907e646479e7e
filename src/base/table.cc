#include "base/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"

namespace hadal {
namespace {

// Columns on screen, counting a UTF-8 sequence as one.
std::size_t Width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string Pad(const std::string& text, std::size_t width, bool right) {
  const std::string space(width - std::min(width, Width(text)), ' ');
  return right ? space + text : text + space;
}

}  // namespace

Table::Table(std::vector<std::string> titles) : titles_(std::move(titles)) {
  for (std::string& title : titles_) {
    right_.push_back(title.starts_with('>'));
    if (right_.back()) title.erase(0, 1);
  }
}

void Table::Row(std::vector<std::string> cells) {
  HADAL_CHECK(cells.size() == titles_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::Text() const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < titles_.size(); ++c) {
    widths.push_back(Width(titles_[c]));
    for (const auto& row : rows_) widths[c] = std::max(widths[c], Width(row[c]));
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string out;
    for (std::size_t c = 0; c < cells.size(); ++c)
      out += (c == 0 ? "" : "  ") + Pad(cells[c], widths[c], right_[c]);
    out.erase(out.find_last_not_of(' ') + 1);
    return out + "\n";
  };
  std::string out = line(titles_);
  for (const auto& row : rows_) out += line(row);
  return out;
}

std::string Table::Markdown() const {
  std::string out = fmt::format("| {} |\n|", fmt::join(titles_, " | "));
  for (const bool right : right_) out += right ? "---:|" : "---|";
  out += "\n";
  for (const auto& row : rows_) out += fmt::format("| {} |\n", fmt::join(row, " | "));
  return out;
}

}  // namespace hadal
