#include "plan/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/table.h"
#include "base/units.h"

namespace hadal::plan {
namespace {

Table TableOf(const Section& section) {
  std::vector<std::string> titles;
  for (const Column& column : section.columns)
    if (!column.title.empty()) titles.push_back(column.title);
  Table table(titles);
  for (const std::vector<Cell>& row : section.rows) {
    std::vector<std::string> cells;
    for (std::size_t c = 0; c < row.size(); ++c)
      if (!section.columns[c].title.empty()) cells.push_back(row[c].text);
    table.Row(cells);
  }
  return table;
}

std::string CsvField(const Json& value) {
  if (value.is_null()) return "";
  std::string text = value.AsString() != nullptr ? *value.AsString() : value.Dump();
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

}  // namespace

const char* BasisName(Basis basis) {
  constexpr const char* kNames[] = {"exact", "measured", "estimated"};
  return kNames[static_cast<std::size_t>(basis)];
}

Cell Text(const std::string& text) { return {text, text}; }

Cell Bytes(std::uint64_t bytes, ByteUnits units) {
  return {bytes, units == ByteUnits::kBinary ? FormatBytesBinary(bytes) : FormatBytes(bytes)};
}

Cell Count(std::uint64_t count) { return {count, FormatCount(count)}; }

Cell Number(double value, int digits) {
  HADAL_CHECK(std::isfinite(value));
  std::string text = fmt::format("{:.{}f}", value, digits);
  const std::size_t begin = text[0] == '-' ? 1 : 0, point = std::min(text.find('.'), text.size());
  for (std::size_t i = point; i > begin + 3; i -= 3) text.insert(i - 3, ",");
  return {value, std::move(text)};
}

Cell Times(double ratio) {
  HADAL_CHECK(std::isfinite(ratio));
  return {ratio, fmt::format("{:.2f}x", ratio)};
}

Cell Percent(double share) {
  HADAL_CHECK(std::isfinite(share));
  return {share, fmt::format("{:.1f}%", 100 * share)};
}

Cell Seconds(double seconds) {
  HADAL_CHECK(std::isfinite(seconds));
  return {seconds,
          seconds < 1 ? fmt::format("{:.1f} ms", 1000 * seconds) : FormatDuration(seconds)};
}

Cell Nothing() { return {nullptr, "-"}; }

std::string ContextName(std::uint64_t tokens) {
  constexpr std::uint64_t kKilo = 1024, kMega = kKilo * kKilo;
  if (tokens >= kMega && tokens % kMega == 0) return fmt::format("{}M", tokens / kMega);
  if (tokens >= kKilo && tokens % kKilo == 0) return fmt::format("{}K", tokens / kKilo);
  return FormatCount(tokens);
}

Cell Context(std::uint64_t tokens) { return {tokens, ContextName(tokens)}; }

std::string ReportText(const Report& report) {
  std::string out = report.title.empty() ? "" : report.title + "\n\n";
  for (const Section& section : report.sections) {
    if (!section.in_text) continue;
    if (!section.title.empty()) out += section.title + "\n";
    out += TableOf(section).Text() + "\n";
  }
  for (const std::string& note : report.notes) out += "* " + note + "\n";
  if (report.notes.empty() && out.ends_with("\n\n")) out.pop_back();
  return out;
}

Json ReportJson(const Report& report) {
  Json json = Json::MakeObject({{"title", report.title}});
  for (const Json::Member& member : *report.facts.AsObject()) json.Set(member.first, member.second);
  for (const Section& section : report.sections) {
    Json::Array rows;
    for (const std::vector<Cell>& row : section.rows) {
      HADAL_CHECK(row.size() == section.columns.size());
      Json object{Json::Object{}};
      for (std::size_t c = 0; c < row.size(); ++c) object.Set(section.columns[c].key, row[c].value);
      rows.push_back(std::move(object));
    }
    json.Set(section.key, std::move(rows));
  }
  Json::Array notes;
  for (const std::string& note : report.notes) notes.emplace_back(note);
  json.Set("assumptions", std::move(notes));
  return json;
}

std::string ReportCsv(const Report& report) {
  HADAL_CHECK(!report.sections.empty());
  const Section& section = report.sections[0];
  std::string out;
  for (std::size_t c = 0; c < section.columns.size(); ++c)
    out += (c == 0 ? "" : ",") + CsvField(section.columns[c].key);
  out += "\r\n";
  for (const std::vector<Cell>& row : section.rows) {
    for (std::size_t c = 0; c < row.size(); ++c)
      out += (c == 0 ? "" : ",") + CsvField(row[c].value);
    out += "\r\n";
  }
  return out;
}

std::string SectionMarkdown(const Section& section) { return TableOf(section).Markdown(); }

}  // namespace hadal::plan
