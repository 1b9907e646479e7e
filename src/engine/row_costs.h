// How long a forward pass will take, learnt from those before, by the number of rows: of decoding
// (engine/decode_costs.h) and of prompts (engine/prompt_costs.h).
//
// A prompt's rows are at most four times as many as those of any pass so far, from kFirstRows on,
// so that one wrong guess is short.
#pragma once
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "engine/decode_costs.h"
#include "engine/prompt_costs.h"

namespace hadal::engine {

struct StepRows {
  std::size_t decode = 0, prompt = 0;
};

class RowCosts {
 public:
  static constexpr std::size_t kFirstRows = 16;

  // expected: as DecodeCosts.
  explicit RowCosts(std::vector<double> expected = {}) : decode_(std::move(expected)) {}

  void Measured(const StepRows& rows, double seconds);
  double Predict(const StepRows& rows) const;  // seconds; 0: nothing is known
  const DecodeCosts& decode() const { return decode_; }
  // How many prompt rows, at least one and at most `most`, fit into `seconds` beside the decode
  // rows.
  std::size_t PromptRows(std::size_t decode_rows, double seconds, std::size_t most) const;

 private:
  DecodeCosts decode_;
  PromptCosts prompt_;
};

// Shares `rows` among those who want `wanted[i]` of them: equal shares, what one does not need goes
// to the others, and what cannot be divided begins with number `first`.
std::vector<std::size_t> ShareRows(std::span<const std::size_t> wanted, std::size_t rows,
                                   std::size_t first);

}  // namespace hadal::engine
