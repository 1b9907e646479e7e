// Seconds of a decoding pass by its number of rows, learnt from the passes that were run.
//
// A row more costs anything between nothing (the same weights, read once) and a pass of its own
// (other experts, arithmetic that was the limit already), and not the same for every number: so
// numbers are kept apart. Each has the median of its last passes, which one slow pass does not
// move. A number that was not run lately is judged by the nearest that was, in the proportion that
// is expected of the bytes read.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hadal::engine {

class DecodeCosts {
 public:
  static constexpr std::size_t kMostRows = 64;  // above: in proportion to these

  // expected[rows - 1]: what a pass costs, in any unit. Empty: every row the same.
  explicit DecodeCosts(std::vector<double> expected = {});

  void Measured(std::size_t rows, double seconds);
  double Seconds(std::size_t rows) const;  // 0: nothing is known

 private:
  static constexpr std::size_t kKept = 9;
  struct Passes {
    std::array<double, kKept> seconds = {};
    std::size_t count = 0;
    std::uint64_t last = 0;  // the newest, as number of all passes
    double median = 0;
  };
  double Expected(std::size_t rows) const;
  bool Known(std::size_t rows) const;

  std::vector<double> expected_;
  std::array<Passes, kMostRows + 1> passes_ = {};
  std::uint64_t passes_seen_ = 0;
};

}  // namespace hadal::engine
