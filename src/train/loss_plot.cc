#include "train/loss_plot.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/units.h"

namespace hadal::train {
namespace {

constexpr double kWidth = 900, kHeight = 520, kLeft = 72, kRight = 24, kTop = 64, kBottom = 60;
constexpr char kInk[] = "#24292f", kMuted[] = "#6e7781", kGrid[] = "#e4e8ec", kTrain[] = "#2166ac",
               kHeldout[] = "#d6604d";

struct Point {
  double x, y;
};

// At most `count` points: neighbours are averaged.
std::vector<Point> Thin(const std::vector<Point>& points, std::size_t count) {
  if (points.size() <= count) return points;
  std::vector<Point> thin;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t begin = points.size() * i / count, end = points.size() * (i + 1) / count;
    Point sum{0, 0};
    for (std::size_t k = begin; k < end; ++k) sum = {sum.x + points[k].x, sum.y + points[k].y};
    const auto n = static_cast<double>(end - begin);
    thin.push_back({sum.x / n, sum.y / n});
  }
  return thin;
}

std::vector<Point> MovingAverage(const std::vector<Point>& points) {
  const std::size_t half = std::max<std::size_t>(1, points.size() / 120);
  std::vector<double> sums(1, 0);
  for (const Point& point : points) sums.push_back(sums.back() + point.y);
  std::vector<Point> smooth;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::size_t reach = std::min({half, i, points.size() - 1 - i});
    const double sum = sums[i + reach + 1] - sums[i - reach];
    smooth.push_back({points[i].x, sum / static_cast<double>(2 * reach + 1)});
  }
  return smooth;
}

struct Axes {
  double x_low, x_high, y_low, y_high;
  double X(double x) const {
    return kLeft + (x - x_low) / (x_high - x_low) * (kWidth - kLeft - kRight);
  }
  double Y(double y) const {
    const double inside = std::clamp(y, y_low, y_high);
    return kTop + (y_high - inside) / (y_high - y_low) * (kHeight - kTop - kBottom);
  }
};

Axes FitAxes(const std::vector<Point>& smooth, const std::vector<Point>& heldout,
             double last_step) {
  double low = smooth.front().y, high = low;
  for (const auto* points : {&smooth, &heldout}) {
    for (const Point& point : *points) {
      low = std::min(low, point.y);
      high = std::max(high, point.y);
    }
  }
  const double margin = std::max(0.05 * (high - low), 0.01);
  return {0, std::max(last_step, 1.0), std::max(0.0, low - margin), high + margin};
}

class Svg {
 public:
  explicit Svg(const Axes& axes) : axes_(axes) {
    Add("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
        "{1}\" "
        "font-family=\"Helvetica, Arial, sans-serif\">\n<rect width=\"{0}\" height=\"{1}\" "
        "fill=\"#ffffff\"/>\n",
        kWidth, kHeight);
  }
  void Line(double x1, double y1, double x2, double y2, const char* colour, const char* dash) {
    Add("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\"{}/>\n", x1, y1,
        x2, y2, colour, dash);
  }
  void Text(double x, double y, const char* anchor, double size, const char* colour,
            const std::string& text, const char* more = "") {
    std::string escaped;
    for (const char c : text) escaped += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
    Add("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" font-size=\"{}\" "
        "fill=\"{}\"{}>{}</text>\n",
        x, y, anchor, size, colour, more, escaped);
  }
  void Curve(const std::vector<Point>& points, const char* colour, double width, double opacity) {
    Add("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-opacity=\"{}\" "
        "stroke-linejoin=\"round\" points=\"",
        colour, width, opacity);
    for (const Point& point : points) Add("{:.1f},{:.1f} ", axes_.X(point.x), axes_.Y(point.y));
    Add("\"/>\n");
  }
  void Dots(const std::vector<Point>& points, const char* colour) {
    for (const Point& point : points)
      Add("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>\n", axes_.X(point.x),
          axes_.Y(point.y), colour);
  }
  std::string Finish() && { return std::move(text_) + "</svg>\n"; }

 private:
  template <class... Args>
  void Add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }
  Axes axes_;
  std::string text_;
};

void DrawAxes(const Axes& axes, Svg* svg) {
  const double right = kWidth - kRight, bottom = kHeight - kBottom;
  for (const double y : AxisTicks(axes.y_low, axes.y_high, 7)) {
    svg->Line(kLeft, axes.Y(y), right, axes.Y(y), kGrid, "");
    svg->Text(kLeft - 10, axes.Y(y) + 4, "end", 12, kMuted, fmt::format("{:.4g}", y));
  }
  for (const double x : AxisTicks(axes.x_low, axes.x_high, 8)) {
    svg->Line(axes.X(x), bottom, axes.X(x), bottom + 5, kMuted, "");
    svg->Text(axes.X(x), bottom + 20, "middle", 12, kMuted,
              FormatCount(static_cast<std::uint64_t>(std::llround(x))));
  }
  svg->Line(kLeft, bottom, right, bottom, kMuted, "");
  svg->Text((kLeft + right) / 2, kHeight - 14, "middle", 13, kInk, "step");
  svg->Text(
      0, 0, "middle", 13, kInk, "loss, nats per token",
      fmt::format(" transform=\"translate(20 {:.1f}) rotate(-90)\"", (kTop + bottom) / 2).c_str());
}

void DrawStages(const std::vector<LogLine>& lines, const Axes& axes, Svg* svg) {
  std::size_t drawn = 0;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].stage == lines[i - 1].stage) continue;
    const double x = axes.X(static_cast<double>(lines[i - 1].step));
    svg->Line(x, kTop, x, kHeight - kBottom, kMuted, " stroke-dasharray=\"4 4\"");
    const bool warmup = lines[i].stage == Stage::kWarmup;
    const double y = kTop + 14 + 15 * static_cast<double>(drawn++ % 3);
    svg->Text(x + 6, y, "start", 11, kMuted, warmup ? "indexer warm-up" : "sparse attention");
  }
}

void DrawLegend(const std::vector<Point>& smooth, const std::vector<LogLine>& lines, Svg* svg) {
  const double right = kWidth - kRight, y = 48;
  double x = right - 300;
  svg->Line(x, y - 4, x + 24, y - 4, kTrain, " stroke-width=\"2.5\"");
  svg->Text(x + 30, y, "start", 12, kInk, fmt::format("training {:.3f}", smooth.back().y));
  const auto scored = std::find_if(lines.rbegin(), lines.rend(),
                                   [](const LogLine& line) { return line.heldout.has_value(); });
  if (scored == lines.rend()) return;
  x += 140;
  svg->Line(x, y - 4, x + 24, y - 4, kHeldout, " stroke-width=\"2.5\"");
  svg->Text(x + 30, y, "start", 12, kInk,
            fmt::format("held out {:.3f}", scored->heldout->nats_per_token));
}

}  // namespace

std::vector<double> AxisTicks(double low, double high, std::size_t count) {
  if (!(high > low) || count == 0) return {low};
  const double rough = (high - low) / static_cast<double>(count);
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {5.0, 2.0, 1.0})
    if (factor * power >= rough * 0.999) step = factor * power;
  std::vector<double> ticks;
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; ++i)
    ticks.push_back(i * step);
  return ticks;
}

std::string LossPlot(const std::vector<LogLine>& lines, const std::string& title) {
  std::vector<Point> train, heldout;
  for (const LogLine& line : lines) {
    const auto step = static_cast<double>(line.step);
    train.push_back({step, line.loss});
    if (line.heldout) heldout.push_back({step, line.heldout->nats_per_token});
  }
  if (train.empty()) train.push_back({0, 0});
  const std::vector<Point> smooth = Thin(MovingAverage(train), 600);
  const Axes axes = FitAxes(smooth, heldout, train.back().x);
  Svg svg(axes);
  svg.Text(kLeft, 30, "start", 17, kInk, title, " font-weight=\"bold\"");
  DrawAxes(axes, &svg);
  DrawStages(lines, axes, &svg);
  svg.Curve(Thin(train, 1500), kTrain, 1, 0.25);
  svg.Curve(smooth, kTrain, 2.5, 1);
  svg.Curve(heldout, kHeldout, 2, 1);
  if (heldout.size() <= 60) svg.Dots(heldout, kHeldout);
  DrawLegend(smooth, lines, &svg);
  return std::move(svg).Finish();
}

}  // namespace hadal::train
