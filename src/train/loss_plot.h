// The loss of a run as a picture: an SVG that any browser shows.
#pragma once
#include <string>
#include <vector>

#include "train/run_log.h"

namespace hadal::train {

// Training loss (each step faint, their moving average bold), held-out loss (dots joined by lines)
// and a mark where the attention changes. Needs no fonts or scripts; the same bytes for the same
// lines.
std::string LossPlot(const std::vector<LogLine>& lines, const std::string& title);

// Positions for about `count` labels between low and high: multiples of 1, 2 or 5 times a power of
// ten.
std::vector<double> AxisTicks(double low, double high, std::size_t count);

}  // namespace hadal::train
