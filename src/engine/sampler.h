// Chooses the next token from logits l, in this order:
//
//   1. a logit that is not finite is an error, never a token
//   2. l = -infinity                        for tokens that may not come (Restriction)
//   3. l += bias                            for tokens of logit_bias
//   4. l = l > 0 ? l / r : l * r            for tokens of the prompt or generated; r:
//                                           repetition_penalty
//   5. l -= presence + frequency * count    for tokens generated `count` > 0 times
//   6. temperature 0: the largest l (ties: the lower id). Else p = softmax(l / temperature), and
//      one is drawn of the tokens that
//        have p >= min_p * max p,                            (0: all)
//        are among the top_k most likely of these            (0: all)
//        and lie in the smallest set of those whose p sums
//        to top_p of theirs                                  (1: all)
//
// The number that decides a draw belongs to (seed, choice, position): the same logits give the same
// token at a position whatever was drawn before, in whichever batch, before or after a snapshot.
//
// Source  presence and frequency: OpenAI API reference, chat/completions; repetition: Keskar et
//         al. 2019 (CTRL), section 4.1, with negative logits multiplied as its later
//         implementations do.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace hadal::engine {

struct LogitBias {
  std::int32_t token = 0;
  double bias = 0;
};

struct SampleOptions {
  double temperature = 1, top_p = 1, min_p = 0;
  std::size_t top_k = 0;
  double presence_penalty = 0, frequency_penalty = 0, repetition_penalty = 1;
  std::vector<LogitBias> logit_bias = {};
  std::uint64_t seed = 0;
  std::uint64_t choice = 0;  // several texts of one prompt and seed differ in this
};

// kInvalid names the option and its range.
Status CheckSampleOptions(const SampleOptions& options);

// What may come next.
struct Restriction {
  // Bit t % 64 of word t / 64: token t may; tokens behind the last word may not. Absent: all may.
  std::optional<std::span<const std::uint64_t>> allowed = {};
  std::span<const std::int32_t> forbidden = {};  // ids that may not in any case
};

// Memory for one Pick, which any number of samplers may share.
struct SampleScratch {
  struct Candidate {
    std::int32_t id;
    double weight;
  };
  std::vector<Candidate> candidates;
  std::vector<float> logits;
  std::vector<std::uint64_t> allowed;  // for whoever makes a Restriction
};

class Sampler {
 public:
  Sampler(SampleOptions options, std::span<const std::int32_t> prompt);

  // The token of `position` (the prompt's first has 0). Forbidden ids are below logits.size().
  // kCorrupt: a logit is not finite. kInvalid: no token may come.
  Result<std::int32_t> Pick(std::span<const float> logits, std::uint64_t position,
                            const Restriction& restriction, SampleScratch* scratch) const;
  void Accept(std::int32_t token);  // it was generated: penalties count it

  const SampleOptions& options() const { return options_; }

 private:
  struct Seen {
    bool in_prompt = false;
    std::uint32_t generated = 0;
  };
  bool penalises() const;
  std::span<const float> Adjust(std::span<const float> logits, const Restriction& restriction,
                                std::vector<float>* adjusted) const;
  std::int32_t Draw(std::span<const float> logits, float best, double uniform,
                    std::vector<SampleScratch::Candidate>* candidates) const;
  void Restrict(std::vector<SampleScratch::Candidate>* candidates) const;

  SampleOptions options_;
  std::unordered_map<std::int32_t, Seen> seen_;  // empty without penalties
};

}  // namespace hadal::engine
