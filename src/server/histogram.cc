#include "server/histogram.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace hadal::server {

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)), counts_(bounds_.size(), 0) {}

void Histogram::Add(double value) {
  const auto bound = std::ranges::lower_bound(bounds_, value);
  if (bound != bounds_.end()) ++counts_[static_cast<std::size_t>(bound - bounds_.begin())];
  ++count_;
  sum_ += value;
}

void Histogram::Print(const std::string& name, const std::string& labels, std::string* out) const {
  *out += fmt::format("# TYPE {} histogram\n", name);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < bounds_.size(); ++i) {
    below += counts_[i];
    *out += fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", name, labels, bounds_[i], below);
  }
  *out += fmt::format("{}_bucket{{{},le=\"+Inf\"}} {}\n", name, labels, count_);
  *out +=
      fmt::format("{}_sum{{{}}} {}\n{}_count{{{}}} {}\n", name, labels, sum_, name, labels, count_);
}

std::vector<double> TokenBounds() {
  std::vector<double> bounds;
  for (double decade = 1; decade < 1e6; decade *= 10)
    for (const double step : {1, 2, 5}) bounds.push_back(step * decade);
  bounds.push_back(1e6);
  return bounds;
}

// vLLM's, so that its dashboards fit.
std::vector<double> LatencyBounds() {
  return {0.001, 0.005, 0.01, 0.05, 0.1, 0.3,  0.5,  0.8,   1.0,   1.5,   2.0,   2.5,    5.0,
          10.0,  15.0,  20.0, 30.0, 40,  50.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0};
}

std::vector<double> TokenTimeBounds() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1,  0.15, 0.2,  0.3,
          0.4,   0.5,    0.75,  1.0,  2.5,   5.0,  7.5,   10.0, 20.0, 40.0, 80.0};
}

}  // namespace hadal::server
