// The plot of bench_figures.h: one panel for speed, one for memory, both over depth.
#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/made_by.h"
#include "base/units.h"
#include "measure/bench_figures.h"

namespace hadal::measure {
namespace {

constexpr double kWidth = 640, kPanel = 220, kLeft = 80, kRight = 130, kTop = 30, kBottom = 40;
constexpr const char* kColors[] = {"#1b6ca8", "#c0392b", "#2e8b57",
                                   "#8e44ad", "#b8860b", "#555555"};

struct Line {
  std::string name;
  std::vector<std::pair<std::uint64_t, double>> points;  // depth, value
};

// Depth 0 stands one power of two in front of the first other depth.
class Panel {
 public:
  Panel(const std::vector<Line>& lines, double top) : top_(top) {
    double first = 1e300, last = 0;
    for (const Line& line : lines)
      for (const auto& [depth, value] : line.points) {
        if (depth > 0) first = std::min(first, static_cast<double>(depth));
        last = std::max(last, static_cast<double>(depth));
        highest_ = std::max(highest_, value);
      }
    if (last == 0) first = last = 1;
    low_ = std::log2(first) - 1;
    high_ = std::max(std::log2(last), low_ + 1);
  }

  double X(std::uint64_t depth) const {
    const double x = depth == 0 ? low_ : std::log2(static_cast<double>(depth));
    return kLeft + (x - low_) / (high_ - low_) * (kWidth - kLeft - kRight);
  }
  double Y(double value) const { return top_ + kPanel * (1 - value / highest_); }
  double highest() const { return highest_; }

 private:
  double top_, low_ = 0, high_ = 1, highest_ = 1e-9;
};

std::string DepthName(std::uint64_t depth) {
  if (depth >= 1 << 20 && depth % (1 << 20) == 0) return fmt::format("{}M", depth >> 20);
  if (depth >= 1 << 10 && depth % (1 << 10) == 0) return fmt::format("{}K", depth >> 10);
  return std::to_string(depth);
}

std::string Text(double x, double y, const char* anchor, const std::string& text,
                 const char* color = "#333333") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" fill=\"{}\">{}</text>\n",
                     x, y, anchor, color, text);
}

template <class F>
std::string Draw(const std::vector<Line>& lines, const std::string& title, double top, F&& format) {
  const Panel panel(lines, top);
  std::string svg = Text(kLeft, top - 10, "start", title);
  for (int tick = 0; tick <= 4; ++tick) {
    const double value = panel.highest() * tick / 4;
    svg +=
        fmt::format("<line x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#dddddd\"/>\n",
                    kLeft, kWidth - kRight, panel.Y(value), panel.Y(value));
    svg += Text(kLeft - 6, panel.Y(value) + 4, "end", format(value));
  }
  std::map<std::uint64_t, bool> depths;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const char* color = kColors[i % std::size(kColors)];
    std::string points;
    for (const auto& [depth, value] : lines[i].points) {
      depths[depth] = true;
      points += fmt::format("{:.1f},{:.1f} ", panel.X(depth), panel.Y(value));
      svg += fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"><title>{}: {}</title>"
          "</circle>\n",
          panel.X(depth), panel.Y(value), color, DepthName(depth), format(value));
    }
    svg += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\"/>\n", points, color);
    svg += Text(kWidth - kRight + 8, top + 14 * static_cast<double>(i + 1), "start", lines[i].name,
                color);
  }
  for (const auto& [depth, ignored] : depths)
    svg += Text(panel.X(depth), top + kPanel + 16, "middle", DepthName(depth));
  return svg;
}

}  // namespace

std::string BenchSvg(const BenchReport& report) {
  std::map<std::pair<std::size_t, std::size_t>, std::pair<Line, Line>> by_setting;
  for (const DecodeFigure& f : report.decode) {
    auto& [speed, memory] = by_setting[{f.threads, f.batch}];
    speed.name = memory.name = fmt::format("{} thr., batch {}", f.threads, f.batch);
    speed.points.emplace_back(f.depth, f.tokens_per_s.median);
    memory.points.emplace_back(f.depth, static_cast<double>(f.state_bytes));
  }
  std::vector<Line> speeds, memories;
  for (auto& [setting, lines] : by_setting) {
    speeds.push_back(lines.first);
    memories.push_back(lines.second);
  }
  const double second = kTop + kPanel + kBottom + kTop;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" "
      "font-family=\"sans-serif\" font-size=\"11\">{}\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
      kWidth, second + kPanel + kBottom, kMadeBy);
  svg += Draw(speeds, "decode, tokens/s, over tokens of context", kTop,
              [](double v) { return fmt::format("{:.1f}", v); });
  svg += Draw(memories, "state of the sequences", second,
              [](double v) { return FormatBytes(static_cast<std::uint64_t>(v)); });
  return svg + "</svg>\n";
}

}  // namespace hadal::measure
