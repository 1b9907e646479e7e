#include "engine/row_costs.h"

#include <algorithm>

namespace hadal::engine {
namespace {

constexpr double kNewest = 0.3;     // weight of a measurement in the average
constexpr std::size_t kGrowth = 4;  // of a prompt's rows, at most, from one pass to the next
// What remains for the prompt's rows of a mixed pass, if by prediction decoding took all of its
// time.
constexpr double kLeastShare = 0.1;

}  // namespace

void RowCosts::Measured(const StepRows& rows, double seconds) {
  if (rows.prompt == 0) {
    if (rows.decode > 0) decode_.Measured(rows.decode, seconds);
    return;
  }
  const double left = std::max(seconds - decode_.Seconds(rows.decode), kLeastShare * seconds);
  const double row = left / static_cast<double>(rows.prompt);
  prompt_ = prompt_ ? (1 - kNewest) * *prompt_ + kNewest * row : row;
  last_prompt_rows_ = rows.prompt;
}

double RowCosts::Predict(const StepRows& rows) const {
  const double known = decode_.Seconds(rows.decode);
  const double decode = known > 0 ? known : static_cast<double>(rows.decode) * prompt_.value_or(0);
  return decode + static_cast<double>(rows.prompt) * prompt_.value_or(decode_.Seconds(1));
}

std::size_t RowCosts::PromptRows(std::size_t decode_rows, double seconds, std::size_t most) const {
  const double row = Predict({.decode = 0, .prompt = 1});
  const double left = seconds - Predict({.decode = decode_rows, .prompt = 0});
  std::size_t rows = std::max(kFirstRows, kGrowth * last_prompt_rows_);
  if (row > 0 && left < row * static_cast<double>(rows))
    rows = left > row ? static_cast<std::size_t>(left / row) : 1;
  return std::clamp<std::size_t>(rows, 1, most);
}

std::vector<std::size_t> ShareRows(std::span<const std::size_t> wanted, std::size_t rows,
                                   std::size_t first) {
  std::vector<std::size_t> shares(wanted.size());
  const auto open = [&] {  // who still wants some
    std::size_t count = 0;
    for (std::size_t i = 0; i < wanted.size(); ++i) count += shares[i] < wanted[i] ? 1 : 0;
    return count;
  };
  for (std::size_t want = open(); rows > 0 && want > 0; want = open()) {
    const std::size_t share = std::max<std::size_t>(rows / want, 1);
    for (std::size_t n = 0; n < wanted.size() && rows > 0; ++n) {
      const std::size_t i = (first + n) % wanted.size();
      const std::size_t more = std::min({share, wanted[i] - shares[i], rows});
      shares[i] += more;
      rows -= more;
    }
  }
  return shares;
}

}  // namespace hadal::engine
