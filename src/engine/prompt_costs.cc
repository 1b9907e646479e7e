#include "engine/prompt_costs.h"

#include <algorithm>
#include <bit>

namespace hadal::engine {
namespace {

constexpr double kNewest = 0.3;  // weight of a measurement in the average

double Averaged(double average, double newest) {
  return average > 0 ? (1 - kNewest) * average + kNewest * newest : newest;
}

}  // namespace

void PromptCosts::Measured(std::size_t rows, double seconds) {
  if (rows == 0) return;
  const std::size_t size = std::min<std::size_t>(std::bit_width(rows), classes_.size());
  Passes& passes = classes_[size - 1];
  passes.rows = Averaged(passes.rows, static_cast<double>(rows));
  passes.seconds = Averaged(passes.seconds, seconds);
  most_rows_ = std::max(most_rows_, rows);
}

double PromptCosts::Seconds(std::size_t rows) const {
  const auto wanted = static_cast<double>(rows);
  const Passes* below = nullptr;
  for (const Passes& passes : classes_) {
    if (passes.rows == 0) continue;
    if (passes.rows >= wanted && below != nullptr) {
      const double part = (wanted - below->rows) / (passes.rows - below->rows);
      return below->seconds + part * (passes.seconds - below->seconds);
    }
    below = &passes;
    if (passes.rows >= wanted) break;
  }
  return below == nullptr ? 0 : below->seconds * wanted / below->rows;
}

}  // namespace hadal::engine
