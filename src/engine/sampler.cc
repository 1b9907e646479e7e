#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/random.h"
#include "tensor/finite.h"

namespace hadal::engine {
namespace {

constexpr double kMostBias = 100;  // as the published APIs have it; enough to decide

Status CheckRange(const char* name, double value, double lo, double hi) {
  if (value >= lo && value <= hi) return Unit{};
  return Fail(Code::kInvalid, "{} {} is not in [{}, {}]", name, value, lo, hi);
}

// Step 2. Whole words at a time: a mask is all ones or all zeros nearly everywhere.
void Forbid(const Restriction& restriction, std::span<float> logits) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  if (restriction.allowed) {
    const std::span<const std::uint64_t> words = *restriction.allowed;
    for (std::size_t begin = 0; begin < logits.size(); begin += 64) {
      const std::uint64_t word = begin / 64 < words.size() ? words[begin / 64] : 0;
      const std::span<float> part =
          logits.subspan(begin, std::min<std::size_t>(64, logits.size() - begin));
      if (word == 0) std::ranges::fill(part, kNever);
      if (word == 0 || word == ~std::uint64_t{0}) continue;
      for (std::size_t i = 0; i < part.size(); ++i)
        if ((word >> i & 1) == 0) part[i] = kNever;
    }
  }
  for (const std::int32_t token : restriction.forbidden)
    logits[static_cast<std::size_t>(token)] = kNever;
}

}  // namespace

Status CheckSampleOptions(const SampleOptions& o) {
  HADAL_TRY_STATUS(CheckRange("temperature", o.temperature, 0, 100));
  if (!(o.top_p > 0 && o.top_p <= 1))
    return Fail(Code::kInvalid, "top-p {} is not in (0, 1]", o.top_p);
  HADAL_TRY_STATUS(CheckRange("min-p", o.min_p, 0, 1));
  HADAL_TRY_STATUS(CheckRange("presence penalty", o.presence_penalty, -2, 2));
  HADAL_TRY_STATUS(CheckRange("frequency penalty", o.frequency_penalty, -2, 2));
  if (!(o.repetition_penalty > 0 && o.repetition_penalty <= 100))
    return Fail(Code::kInvalid, "repetition penalty {} is not in (0, 100]", o.repetition_penalty);
  for (const LogitBias& b : o.logit_bias)
    if (const Status ok = CheckRange("bias", b.bias, -kMostBias, kMostBias); !ok.ok())
      return Within(fmt::format("logit bias of token {}", b.token), ok.error());
  return Unit{};
}

Sampler::Sampler(SampleOptions options, std::span<const std::int32_t> prompt)
    : options_(std::move(options)) {
  if (options_.repetition_penalty == 1) return;
  for (const std::int32_t token : prompt) seen_[token].in_prompt = true;
}

bool Sampler::penalises() const {
  return options_.repetition_penalty != 1 || options_.presence_penalty != 0 ||
         options_.frequency_penalty != 0;
}

void Sampler::Accept(std::int32_t token) {
  if (penalises()) ++seen_[token].generated;
}

// Steps 2 to 5; the logits themselves where there is nothing to change.
std::span<const float> Sampler::Adjust(std::span<const float> logits,
                                       const Restriction& restriction,
                                       std::vector<float>* adjusted) const {
  if (!restriction.allowed && restriction.forbidden.empty() && options_.logit_bias.empty() &&
      seen_.empty())
    return logits;
  adjusted->assign(logits.begin(), logits.end());
  const auto at = [&](std::int32_t token) -> float& {
    return (*adjusted)[static_cast<std::size_t>(token)];
  };
  Forbid(restriction, *adjusted);
  for (const LogitBias& b : options_.logit_bias) at(b.token) += static_cast<float>(b.bias);
  for (const auto& [token, seen] : seen_) {
    double l = at(token);
    if (std::isinf(l)) continue;  // forbidden
    l = l > 0 ? l / options_.repetition_penalty : l * options_.repetition_penalty;
    if (seen.generated > 0)
      l -= options_.presence_penalty + options_.frequency_penalty * seen.generated;
    constexpr double kMost = std::numeric_limits<float>::max();
    at(token) = static_cast<float>(std::clamp(l, -kMost, kMost));
  }
  return *adjusted;
}

void Sampler::Restrict(std::vector<SampleScratch::Candidate>* candidates) const {
  using Candidate = SampleScratch::Candidate;
  const bool by_count = options_.top_k > 0 && options_.top_k < candidates->size();
  if (!by_count && options_.top_p >= 1) return;
  std::ranges::sort(*candidates, [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.id < b.id;
  });
  if (by_count) candidates->resize(options_.top_k);
  double total = 0;
  for (const Candidate& c : *candidates) total += c.weight;
  double sum = 0;
  std::size_t kept = 0;
  while (kept < candidates->size() && (kept == 0 || sum < options_.top_p * total))
    sum += (*candidates)[kept++].weight;
  candidates->resize(kept);
}

std::int32_t Sampler::Draw(std::span<const float> logits, float best, double uniform,
                           std::vector<SampleScratch::Candidate>* candidates) const {
  candidates->clear();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double weight = std::exp((static_cast<double>(logits[i]) - best) / options_.temperature);
    if (weight > 0 && weight >= options_.min_p)
      candidates->push_back({static_cast<std::int32_t>(i), weight});
  }
  Restrict(candidates);
  double total = 0;
  for (const SampleScratch::Candidate& c : *candidates) total += c.weight;
  double left = uniform * total;
  for (const SampleScratch::Candidate& c : *candidates) {
    left -= c.weight;
    if (left < 0) return c.id;
  }
  return candidates->back().id;
}

Result<std::int32_t> Sampler::Pick(std::span<const float> logits, std::uint64_t position,
                                   const Restriction& restriction, SampleScratch* scratch) const {
  if (const auto bad = FirstNotFinite(logits))
    return Fail(Code::kCorrupt, "the logit of token {} is {}", *bad, logits[*bad]);
  const std::span<const float> adjusted = Adjust(logits, restriction, &scratch->logits);
  const auto best = std::ranges::max_element(adjusted);
  if (std::isinf(*best)) return Fail(Code::kInvalid, "no token may come next");
  if (options_.temperature == 0) return static_cast<std::int32_t>(best - adjusted.begin());
  const double uniform = KeyedUniform(options_.seed, options_.choice, position);
  return Draw(adjusted, *best, uniform, &scratch->candidates);
}

}  // namespace hadal::engine
