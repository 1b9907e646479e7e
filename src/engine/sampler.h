// Chooses the next token from logits.
//
//   p = softmax(logits / temperature), then only tokens are kept that are
//     among the top_k most likely              (0: all)
//     and have p >= min_p * max p              (0: all)
//     and lie in the smallest set whose p sums to top_p   (1: all)
//   and one of those is drawn. temperature 0: the most likely token (ties: the lower id).
//
// Deterministic: the n-th token of a seed is the same everywhere for the same logits.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"
#include "base/result.h"

namespace hadal::engine {

struct SampleOptions {
  double temperature = 1, top_p = 1, min_p = 0;
  std::size_t top_k = 0;
  std::uint64_t seed = 0;
};

Status CheckSampleOptions(const SampleOptions& options);  // kInvalid names the option and its range

class Sampler {
 public:
  explicit Sampler(const SampleOptions& options) : options_(options), random_(options.seed) {}
  std::int32_t Pick(std::span<const float> logits);
  // Random numbers drawn so far: all there is to a sampler besides its options.
  std::uint64_t draws() const { return random_.counter(); }
  void set_draws(std::uint64_t draws) { random_.set_counter(draws); }

 private:
  struct Candidate {
    std::int32_t id;
    double weight;
  };
  void Weigh(std::span<const float> logits);
  void Restrict();

  SampleOptions options_;
  Random random_;
  std::vector<Candidate> candidates_;
};

}  // namespace hadal::engine
