// Seconds of a pass that reads a prompt, by its number of rows, learnt from the passes that were
// run.
//
// Rows that are computed together share the reading of weights: a row alone may take as long as
// twenty of a long pass. So passes are kept apart by size, in classes from one power of two to the
// next, each with the average of its rows and of its seconds; what lies between two classes is on
// the line between them. Below the smallest and above the largest a row costs what one of that
// class does, which errs on the slow side when rows grow.
#pragma once
#include <array>
#include <cstddef>

namespace hadal::engine {

class PromptCosts {
 public:
  void Measured(std::size_t rows, double seconds);
  double Seconds(std::size_t rows) const;  // 0: nothing is known
  bool known() const { return most_rows_ > 0; }
  std::size_t most_rows() const { return most_rows_; }  // of a pass so far; 0: none

 private:
  struct Passes {
    double rows = 0, seconds = 0;  // exponential averages; 0: none
  };
  std::array<Passes, 32> classes_ = {};
  std::size_t most_rows_ = 0;
};

}  // namespace hadal::engine
