#include "engine/decode_costs.h"

#include <algorithm>
#include <utility>

namespace hadal::engine {
namespace {

constexpr std::uint64_t kLately = 1000;    // passes, in which a context grows little
constexpr std::uint64_t kFewLately = 200;  // the same of a number that few passes speak for

}  // namespace

DecodeCosts::DecodeCosts(std::vector<double> expected) : expected_(std::move(expected)) {}

double DecodeCosts::Expected(std::size_t rows) const {
  const auto r = static_cast<double>(rows);
  if (expected_.empty()) return r;
  if (rows <= expected_.size()) return expected_[rows - 1];
  return expected_.back() * r / static_cast<double>(expected_.size());
}

bool DecodeCosts::Known(std::size_t rows, std::size_t least) const {
  const Passes& passes = passes_[rows];
  return passes.count >= least &&
         passes_seen_ - passes.last < (passes.count < kKept ? kFewLately : kLately);
}

void DecodeCosts::Measured(std::size_t rows, double seconds) {
  ++passes_seen_;
  if (rows == 0) return;
  if (rows > kMostRows) {
    seconds *= Expected(kMostRows) / Expected(rows);
    rows = kMostRows;
  }
  Passes& passes = passes_[rows];
  passes.seconds[passes.count++ % kKept] = seconds;
  passes.last = passes_seen_;
  std::array<double, kKept> sorted = passes.seconds;
  const auto end = sorted.begin() + static_cast<std::ptrdiff_t>(std::min(passes.count, kKept));
  const auto middle = sorted.begin() + (end - sorted.begin() - 1) / 2;
  std::nth_element(sorted.begin(), middle, end);
  passes.median = *middle;
}

std::size_t DecodeCosts::most_rows() const {
  std::size_t rows = kMostRows;
  while (rows > 0 && !Known(rows, kSure)) --rows;
  return rows;
}

bool DecodeCosts::Covers(std::size_t rows) const {
  if (rows == 0 || rows > most_rows()) return false;
  while (rows > 0 && !Known(rows, kSure)) --rows;
  return rows > 0;
}

double DecodeCosts::Seconds(std::size_t rows, std::size_t passes) const {
  if (rows == 0) return 0;
  std::size_t below = std::min(rows, kMostRows), above = rows;
  while (below > 0 && !Known(below, passes)) --below;
  while (above <= kMostRows && !Known(above, passes)) ++above;
  if (above > kMostRows) above = 0;
  if (below == 0 && above == 0) return 0;
  if (below == above) return passes_[rows].median;
  if (below == 0 || above == 0) {
    const std::size_t known = std::max(below, above);
    return passes_[known].median * Expected(rows) / Expected(known);
  }
  const double part = static_cast<double>(rows - below) / static_cast<double>(above - below);
  return passes_[below].median + part * (passes_[above].median - passes_[below].median);
}

}  // namespace hadal::engine
