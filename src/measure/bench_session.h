// A model on some threads and the texts that it reads: what the figures of a bench are taken of.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "arch/kv_layout.h"
#include "base/random.h"
#include "base/threads.h"
#include "cache/sequence.h"
#include "cost/cost_model.h"
#include "engine/expert_memory.h"
#include "measure/bench.h"
#include "model/forward.h"

namespace hadal::measure {

// What all figures of a bench share; the owner outlives every session.
struct BenchSubject {
  const BenchOptions& options;
  const model::Model& model;
  const cost::CostModel& cost;
  const arch::KvLayout& layout;
  const std::function<void(const std::string&)>& on_step;
  Random random{1};  // the tokens
};

// Tokens of the largest batch that a session runs.
std::size_t MostRows(const BenchOptions& options);

class BenchSession {
 public:
  // All outlive it. The forward pass has room for MostRows tokens.
  BenchSession(BenchSubject& subject, Threads& threads, const engine::ExpertMemory& experts,
               model::Forward& forward)
      : subject_(subject), threads_(threads), experts_(experts), forward_(forward) {}
  BenchSession(const BenchSession&) = delete;
  BenchSession& operator=(const BenchSession&) = delete;

  BenchSubject& subject() { return subject_; }
  Threads& threads() { return threads_; }
  std::uint64_t scratch_bytes() const { return forward_.scratch_bytes(); }
  const engine::ExpertMemory& experts() const { return experts_; }

  // A text of so many tokens: a random state, or read. kCancelled, kExhausted.
  Result<cache::Sequence> AtDepth(std::uint64_t depth, std::uint64_t seed);
  // The sequence is empty, and becomes a random state of so many tokens. kExhausted.
  Status FillRandom(cache::Sequence& sequence, std::uint64_t tokens, std::uint64_t seed);
  // Seconds of reading `count` tokens behind a prefix, with the logits of the last one.
  Result<double> TimeRead(const cache::Sequence& prefix, std::uint64_t count);
  // Seconds of reading what of the text the sequence has not, with the logits of the last token.
  Result<double> TimeText(cache::Sequence& sequence, std::span<const std::int32_t> text);
  std::vector<std::int32_t> DrawTokens(std::uint64_t count);
  // Seconds of so many steps of all sequences, with the logits of each.
  Result<double> TimeSteps(std::vector<cache::Sequence>& sequences, std::size_t steps);

  // Weights are mapped: their first use costs a page fault, or a read from disk, which is not what
  // the figures are about. Touches a byte of every page.
  void Warm();

  // A depth so near to the model's longest context that `room` tokens more do not fit is moved
  // back, with a note.
  std::uint64_t Start(std::uint64_t depth, std::uint64_t room, BenchReport& report) const;

 private:
  Status CheckCancel() const;
  Result<double> TimeTokens(cache::Sequence& sequence, std::span<const std::int32_t> tokens);
  Status Read(cache::Sequence& sequence, std::span<const std::int32_t> tokens);
  Status Step(std::vector<cache::Sequence>& sequences, std::span<const std::int32_t> tokens);

  BenchSubject& subject_;
  Threads& threads_;
  const engine::ExpertMemory& experts_;
  model::Forward& forward_;
  std::vector<float> logits_;
  std::size_t last_row_ = 0;  // of the batch read last
};

}  // namespace hadal::measure
