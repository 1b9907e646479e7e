#include "engine/decode_costs.h"

#include <algorithm>
#include <utility>

namespace hadal::engine {
namespace {

constexpr std::uint64_t kLately = 1000;  // passes, in which a context grows little

}  // namespace

DecodeCosts::DecodeCosts(std::vector<double> expected) : expected_(std::move(expected)) {}

double DecodeCosts::Expected(std::size_t rows) const {
  const auto r = static_cast<double>(rows);
  if (expected_.empty()) return r;
  if (rows <= expected_.size()) return expected_[rows - 1];
  return expected_.back() * r / static_cast<double>(expected_.size());
}

bool DecodeCosts::Known(std::size_t rows) const {
  const Passes& passes = passes_[rows];
  return passes.count > 0 && passes_seen_ - passes.last < kLately;
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

double DecodeCosts::Seconds(std::size_t rows) const {
  if (rows == 0) return 0;
  const std::size_t at = std::min(rows, kMostRows);
  for (std::size_t away = 0; away < kMostRows; ++away)
    for (const std::size_t other : {at - std::min(at, away), at + away})
      if (other >= 1 && other <= kMostRows && Known(other))
        return passes_[other].median * Expected(rows) / Expected(other);
  return 0;
}

}  // namespace hadal::engine
