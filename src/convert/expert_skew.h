// How unevenly random weights choose their experts.
//
// A trained model has hot experts and cold ones, and what it costs to read experts from disk
// depends on it; random routers choose evenly. A skew of s makes the expert of rank r, from 1 on,
// likely as r^-s (Zipf's law), ranks in a random order: a table of tokens draws so, and a router's
// bias is what makes its noisy scores do so, about (the top k of scores with Gumbel noise draw
// without replacement, Yellott 1977; random scores are nearly of that kind).
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/random.h"

namespace hadal::convert {

class ExpertSkew {
 public:
  static constexpr double kMost = 2;  // beyond that the coldest experts are never chosen

  ExpertSkew(double skew, std::size_t experts, std::uint64_t key);

  // To be added to scores of this standard deviation.
  float Bias(std::size_t expert, double score_deviation) const;
  std::size_t Draw(Random& random) const;

 private:
  double skew_;
  std::vector<std::size_t> ranks_;  // [experts], from 1 on
  std::vector<double> cumulative_;  // [experts]; the last is 1
};

}  // namespace hadal::convert
