#include "engine/logprobs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hadal::engine {
namespace {

double LogSumExp(std::span<const float> logits) {
  const double best = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float v : logits) sum += std::exp(v - best);
  return best + std::log(sum);
}

}  // namespace

Logprobs LogprobsOf(std::span<const float> logits, std::int32_t chosen, std::size_t alternatives) {
  const double all = LogSumExp(logits);
  const auto of = [&](std::int32_t id) {
    return TokenLogprob{id, logits[static_cast<std::size_t>(id)] - all};
  };
  Logprobs out{.chosen = of(chosen), .top = {}};
  const std::size_t count = std::min(alternatives, logits.size());
  if (count == 0) return out;
  std::vector<std::int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto end = ids.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(ids.begin(), end, ids.end(), [&](std::int32_t a, std::int32_t b) {
    const float x = logits[static_cast<std::size_t>(a)], y = logits[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  });
  for (auto id = ids.begin(); id != end; ++id) out.top.push_back(of(*id));
  return out;
}

}  // namespace hadal::engine
