// Counts of values by size, in the form of Prometheus: how many were at most each bound.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace hadal::server {

class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds);
  void Add(double value);

  // name_bucket{labels,le="..."}, name_sum and name_count; `labels` without braces.
  void Print(const std::string& name, const std::string& labels, std::string* out) const;
  std::uint64_t count() const { return count_; }

 private:
  std::vector<double> bounds_;         // rising
  std::vector<std::uint64_t> counts_;  // one a bound; not yet summed
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

std::vector<double> TokenBounds();      // 1, 2, 5, 10, .. 1,000,000
std::vector<double> LatencyBounds();    // seconds of whole requests and parts of them
std::vector<double> TokenTimeBounds();  // seconds from one token to the next

}  // namespace hadal::server
