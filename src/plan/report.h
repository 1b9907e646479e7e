// What a `hadal plan` command found, once; printed as text, as JSON or as CSV. A table's cell holds
// its value for machines and its text for people, so that the three cannot disagree.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"

namespace hadal::plan {

// Where a number comes from. kMeasured and kEstimated figures rest on machine figures that somebody
// measured, or only read in a data sheet.
enum class Basis { kExact, kMeasured, kEstimated };
const char* BasisName(Basis basis);  // "exact"

struct Cell {
  Json value;
  std::string text;
};

enum class ByteUnits { kDecimal, kBinary };  // GB, or GiB: one of them in a report

Cell Text(const std::string& text);
Cell Bytes(std::uint64_t bytes, ByteUnits units);
Cell Count(std::uint64_t count);
Cell Number(double value, int digits);  // "1,012.40"
Cell Times(double ratio);               // "9.83x"
Cell Percent(double share);             // value 0.123, text "12.3%"
Cell Seconds(double seconds);
Cell Nothing();  // null, "-"
// "1M", "128K", "1,000,000": binary multiples in short, the rest in full.
std::string ContextName(std::uint64_t tokens);
Cell Context(std::uint64_t tokens);

struct Column {
  std::string key;    // in JSON and CSV
  std::string title;  // '>' in front: numbers, aligned right; none: not in text
};

struct Section {
  std::string key, title;  // no title: none is printed
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
  bool in_text = true;  // false: only for machines
};

struct Report {
  std::string title;
  Json facts = Json(Json::Object{});  // more keys of the JSON object
  std::vector<Section> sections;      // the first one is the CSV
  std::vector<std::string> notes;     // "assumptions" in JSON, a line each in text
};

std::string ReportText(const Report& report);
// {"title", facts..., <section key>: [{<column key>: value}], ..., "assumptions": [...]}
Json ReportJson(const Report& report);
std::string ReportCsv(const Report& report);  // RFC 4180, column keys first
std::string SectionMarkdown(const Section& section);

}  // namespace hadal::plan
