// Seconds of a decoding pass by its number of rows, learnt from the passes that were run.
//
// A row more costs anything between nothing (the same weights, read once) and a pass of its own
// (other experts, arithmetic that was the limit already), and not the same for every number: so
// numbers are kept apart. Each has the median of its last passes, which one slow pass does not
// move. A number that was not run lately is on the line between the nearest that were; above or
// below all of them it is judged by the nearest, in the proportion that is expected of the bytes
// read. That is the least that it may cost: what arithmetic takes, not reading, nobody has
// measured.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hadal::engine {

class DecodeCosts {
 public:
  static constexpr std::size_t kMostRows = 64;  // above: in proportion to these
  static constexpr std::size_t kSure = 2;       // one pass alone anything may have disturbed

  // expected[rows - 1]: what a pass costs, in any unit. Empty: every row the same.
  explicit DecodeCosts(std::vector<double> expected = {});

  void Measured(std::size_t rows, double seconds);
  // By numbers of which so many passes were run; 0: nothing is known.
  double Seconds(std::size_t rows, std::size_t passes = 1) const;
  // Whether so many rows, or fewer and more of them, were run lately, kSure times.
  bool Covers(std::size_t rows) const;
  std::size_t most_rows() const;  // that were; 0: none

 private:
  static constexpr std::size_t kKept = 9;
  struct Passes {
    std::array<double, kKept> seconds = {};
    std::size_t count = 0;
    std::uint64_t last = 0;  // the newest, as number of all passes
    double median = 0;
  };
  double Expected(std::size_t rows) const;
  bool Known(std::size_t rows, std::size_t least) const;  // by so many passes

  std::vector<double> expected_;
  std::array<Passes, kMostRows + 1> passes_ = {};
  std::uint64_t passes_seen_ = 0;
};

}  // namespace hadal::engine
