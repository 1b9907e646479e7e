#include "eval/golden_stats.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace hadal::eval {
namespace {

double Percentile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  const double part = at - static_cast<double>(low);
  if (part == 0 || sorted[low] == sorted[high]) return sorted[low];
  return sorted[low] + part * (sorted[high] - sorted[low]);
}

double LogSumExp(std::span<const float> row) {
  const double largest = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (float v : row) sum += std::exp(v - largest);
  return largest + std::log(sum);
}

std::size_t Largest(std::span<const float> row) {
  return static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

// f(got row, want row) for every row.
template <class F>
void ForRows(std::span<const float> got, std::span<const float> want, std::size_t width, F&& f) {
  HADAL_CHECK(got.size() == want.size() && width > 0 && got.size() % width == 0);
  for (std::size_t at = 0; at < got.size(); at += width)
    f(got.subspan(at, width), want.subspan(at, width));
}

}  // namespace

Spread SpreadOf(std::vector<double> values) {
  if (values.empty()) return {};
  for (double& v : values)
    if (std::isnan(v)) v = std::numeric_limits<double>::infinity();
  std::sort(values.begin(), values.end());
  return {Percentile(values, 0.5), Percentile(values, 0.95), values.back()};
}

std::vector<double> RowErrors(std::span<const float> got, std::span<const float> want,
                              std::size_t width) {
  std::vector<double> out;
  ForRows(got, want, width, [&](std::span<const float> a, std::span<const float> b) {
    double difference = 0, norm = 0;
    for (std::size_t i = 0; i < width; ++i) {
      const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
      difference += d * d;
      norm += static_cast<double>(b[i]) * static_cast<double>(b[i]);
    }
    const double error = difference == 0 ? 0 : std::sqrt(difference / norm);
    out.push_back(std::isfinite(error) ? error : std::numeric_limits<double>::infinity());
  });
  return out;
}

std::vector<double> RowDivergences(std::span<const float> got, std::span<const float> want,
                                   std::size_t width) {
  std::vector<double> out;
  ForRows(got, want, width, [&](std::span<const float> a, std::span<const float> b) {
    const double q = LogSumExp(a), p = LogSumExp(b);
    double sum = 0;
    for (std::size_t i = 0; i < width; ++i) sum += std::exp(b[i] - p) * ((b[i] - p) - (a[i] - q));
    out.push_back(sum);
  });
  return out;
}

double TopOneAgreement(std::span<const float> got, std::span<const float> want, std::size_t width) {
  std::size_t rows = 0, same = 0;
  ForRows(got, want, width, [&](std::span<const float> a, std::span<const float> b) {
    ++rows;
    same += Largest(a) == Largest(b) ? 1 : 0;
  });
  return rows == 0 ? 1 : static_cast<double>(same) / static_cast<double>(rows);
}

double Mean(std::span<const double> values) {
  double sum = 0;
  for (double v : values) sum += v;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

}  // namespace hadal::eval
