#include "engine/sampler.h"

#include <algorithm>
#include <cmath>

namespace hadal::engine {
namespace {

std::int32_t Greedy(std::span<const float> logits) {
  return static_cast<std::int32_t>(std::ranges::max_element(logits) - logits.begin());
}

}  // namespace

Status CheckSampleOptions(const SampleOptions& o) {
  if (!(o.temperature >= 0 && o.temperature <= 100))
    return Fail(Code::kInvalid, "temperature {} is not in [0, 100]", o.temperature);
  if (!(o.top_p > 0 && o.top_p <= 1))
    return Fail(Code::kInvalid, "top-p {} is not in (0, 1]", o.top_p);
  if (!(o.min_p >= 0 && o.min_p <= 1))
    return Fail(Code::kInvalid, "min-p {} is not in [0, 1]", o.min_p);
  return Unit{};
}

void Sampler::Weigh(std::span<const float> logits) {
  const double best = *std::ranges::max_element(logits);
  candidates_.clear();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double weight = std::exp((logits[i] - best) / options_.temperature);
    if (weight > 0 && weight >= options_.min_p)
      candidates_.push_back({static_cast<std::int32_t>(i), weight});
  }
}

void Sampler::Restrict() {
  const bool by_count = options_.top_k > 0 && options_.top_k < candidates_.size();
  if (!by_count && options_.top_p >= 1) return;
  std::ranges::sort(candidates_, [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.id < b.id;
  });
  if (by_count) candidates_.resize(options_.top_k);
  double total = 0;
  for (const Candidate& c : candidates_) total += c.weight;
  double sum = 0;
  std::size_t kept = 0;
  while (kept < candidates_.size() && (kept == 0 || sum < options_.top_p * total))
    sum += candidates_[kept++].weight;
  candidates_.resize(kept);
}

std::int32_t Sampler::Pick(std::span<const float> logits) {
  if (options_.temperature == 0) return Greedy(logits);
  Weigh(logits);
  if (candidates_.empty()) return Greedy(logits);  // only if every logit is NaN
  Restrict();
  double total = 0;
  for (const Candidate& c : candidates_) total += c.weight;
  double left = random_.Uniform() * total;
  for (const Candidate& c : candidates_) {
    left -= c.weight;
    if (left < 0) return c.id;
  }
  return candidates_.back().id;
}

}  // namespace hadal::engine
