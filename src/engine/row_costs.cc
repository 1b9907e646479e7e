#include "engine/row_costs.h"

#include <algorithm>

namespace hadal::engine {
namespace {

constexpr std::size_t kGrowth = 4;  // of a prompt's rows, at most, over those of all passes so far
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
  prompt_.Measured(rows.prompt, left);
}

double RowCosts::Predict(const StepRows& rows) const {
  const double known = decode_.Seconds(rows.decode);
  const double decode = known > 0 ? known : prompt_.Seconds(rows.decode);
  const double prompt = prompt_.known() ? prompt_.Seconds(rows.prompt)
                                        : static_cast<double>(rows.prompt) * decode_.Seconds(1);
  return decode + prompt;
}

std::size_t RowCosts::PromptRows(std::size_t decode_rows, double seconds, std::size_t most) const {
  const double left = seconds - Predict({.decode = decode_rows, .prompt = 0});
  std::size_t few = 1, many = std::min(std::max(kFirstRows, kGrowth * prompt_.most_rows()), most);
  const auto fits = [&](std::size_t rows) { return Predict({.prompt = rows}) <= left; };
  if (fits(many)) return std::max<std::size_t>(many, 1);
  while (few + 1 < many) {  // one is read in any case; so many do not fit
    const std::size_t middle = few + (many - few) / 2;
    (fits(middle) ? few : many) = middle;
  }
  return few;
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
