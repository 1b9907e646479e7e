#include "eval/needle_report.h"

#include <fmt/format.h>

#include <map>

#include "base/made_by.h"
#include "base/table.h"
#include "base/units.h"

namespace hadal::eval {
namespace {

// The cells of one length.
using Rows = std::map<std::size_t, std::vector<const NeedleCell*>>;

Rows ByLength(const NeedleResult& result) {
  Rows rows;
  for (const NeedleCell& cell : result.cells) rows[cell.length].push_back(&cell);
  return rows;
}

NeedleCell Sum(const std::vector<const NeedleCell*>& cells) {
  NeedleCell sum;
  for (const NeedleCell* cell : cells) {
    sum.trials += cell->trials;
    sum.found += cell->found;
    sum.chosen += cell->chosen;
    for (std::size_t i = 0; i < sum.lost.size(); ++i) sum.lost[i] += cell->lost[i];
  }
  return sum;
}

double Percent(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

// Red at nothing, yellow in the middle, green at everything.
std::string Colour(double share) {
  const double red = share < 0.5 ? 1 : 2 - 2 * share, green = share < 0.5 ? 2 * share : 1;
  return fmt::format("rgb({:.0f},{:.0f},70)", 70 + 165 * red, 60 + 140 * green);
}

std::string Escape(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  return out;
}

}  // namespace

std::string NeedleTable(const NeedleResult& result) {
  const Rows rows = ByLength(result);
  std::vector<std::string> titles = {">tokens"};
  for (const NeedleCell* cell : rows.begin()->second)
    titles.push_back(fmt::format(">{:.0f}%", 100 * cell->depth));
  titles.insert(titles.end(), {">all", ">trials", ">entry chosen"});
  const std::size_t stages = kNeedleStages.size() - (result.unaided ? 0 : 1);
  for (std::size_t i = 0; i < stages; ++i)
    titles.push_back(fmt::format(">lost: {}", kNeedleStages[i]));
  Table table(titles);
  for (const auto& [length, cells] : rows) {
    std::vector<std::string> row = {FormatCount(length)};
    for (const NeedleCell* cell : cells)
      row.push_back(fmt::format("{:.0f}", Percent(cell->found, cell->trials)));
    const NeedleCell sum = Sum(cells);
    row.push_back(fmt::format("{:.1f}", Percent(sum.found, sum.trials)));
    row.push_back(FormatCount(sum.trials));
    row.push_back(
        result.indexed_layers == 0 ? "-" : fmt::format("{:.0f}%", Percent(sum.chosen, sum.trials)));
    for (std::size_t i = 0; i < stages; ++i) row.push_back(FormatCount(sum.lost[i]));
    table.Row(std::move(row));
  }
  return table.Text();
}

Json NeedleJson(const NeedleResult& result) {
  Json::Array cells;
  for (const NeedleCell& cell : result.cells) {
    Json lost = Json::MakeObject({});
    for (std::size_t i = 0; i < cell.lost.size(); ++i)
      lost.Set(kNeedleStages[i], std::uint64_t{cell.lost[i]});
    cells.push_back(Json::MakeObject({{"tokens", std::uint64_t{cell.length}},
                                      {"depth", cell.depth},
                                      {"trials", std::uint64_t{cell.trials}},
                                      {"found", std::uint64_t{cell.found}},
                                      {"entry_chosen", std::uint64_t{cell.chosen}},
                                      {"lost", std::move(lost)}}));
  }
  return Json::MakeObject({{"unaided", result.unaided},
                           {"chat_format", result.chat},
                           {"indexed_layers", std::uint64_t{result.indexed_layers}},
                           {"cells", std::move(cells)}});
}

std::string NeedleSvg(const NeedleResult& result, const std::string& title) {
  constexpr double kWide = 72, kHigh = 34, kLeft = 90, kTop = 56;
  const Rows rows = ByLength(result);
  const std::size_t depths = rows.begin()->second.size();
  const double width = kLeft + kWide * static_cast<double>(rows.size()) + 20;
  const double height = kTop + kHigh * static_cast<double>(depths) + 44;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
      "font-family=\"sans-serif\" font-size=\"13\">{4}\n<rect width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "fill=\"#ffffff\"/>\n<text x=\"{2:.0f}\" y=\"22\" font-size=\"15\">{3}</text>\n"
      "<text x=\"{2:.0f}\" y=\"44\" fill=\"#555555\">% found, by length and depth</text>\n",
      width, height, kLeft, Escape(title), kMadeBy);
  std::size_t column = 0;
  for (const auto& [length, cells] : rows) {
    const double x = kLeft + kWide * static_cast<double>(column++);
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const double y = kTop + kHigh * static_cast<double>(i);
      const double percent = Percent(cells[i]->found, cells[i]->trials);
      svg += fmt::format(
          "<rect x=\"{:.0f}\" y=\"{:.0f}\" width=\"{:.0f}\" height=\"{:.0f}\" "
          "fill=\"{}\"><title>{} "
          "of {} found</title></rect>\n<text x=\"{:.0f}\" y=\"{:.0f}\" "
          "text-anchor=\"middle\">{:.0f}"
          "</text>\n",
          x, y, kWide - 2, kHigh - 2, Colour(percent / 100), cells[i]->found, cells[i]->trials,
          x + kWide / 2 - 1, y + kHigh / 2 + 4, percent);
      if (column == 1)
        svg +=
            fmt::format("<text x=\"{:.0f}\" y=\"{:.0f}\" text-anchor=\"end\">{:.0f}% deep</text>\n",
                        kLeft - 8, y + kHigh / 2 + 4, 100 * cells[i]->depth);
    }
    svg += fmt::format("<text x=\"{:.0f}\" y=\"{:.0f}\" text-anchor=\"middle\">{}</text>\n",
                       x + kWide / 2, height - 24, FormatCount(length));
  }
  return svg +
         fmt::format("<text x=\"{:.0f}\" y=\"{:.0f}\" fill=\"#555555\">tokens</text>\n</svg>\n",
                     kLeft, height - 6);
}

}  // namespace hadal::eval
