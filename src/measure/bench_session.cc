#include "measure/bench_session.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/units.h"
#include "cache/random_state.h"

namespace hadal::measure {
using arch::Numerics;

std::size_t MostRows(const BenchOptions& options) {
  return std::max(options.chunk_tokens, *std::ranges::max_element(options.batch));
}

Status BenchSession::CheckCancel() const {
  if (subject_.options.cancel != nullptr && subject_.options.cancel->load())
    return Fail(Code::kCancelled, "stopped");
  return Unit{};
}

std::vector<std::int32_t> BenchSession::DrawTokens(std::uint64_t count) {
  std::vector<std::int32_t> tokens(count);
  for (std::int32_t& token : tokens)
    token = static_cast<std::int32_t>(subject_.random.Below(subject_.model.config.vocab_size));
  return tokens;
}

Status BenchSession::Read(cache::Sequence& sequence, std::span<const std::int32_t> tokens) {
  HADAL_TRY_STATUS(sequence.Reserve(tokens.size()));
  const std::size_t chunk_tokens = subject_.options.chunk_tokens;
  for (std::size_t at = 0; at < tokens.size(); at += chunk_tokens) {
    HADAL_TRY_STATUS(CheckCancel());
    const std::size_t count = std::min<std::size_t>(chunk_tokens, tokens.size() - at);
    const model::Chunk chunk{&sequence.state(), tokens.subspan(at, count)};
    HADAL_TRY_STATUS(forward_.Run({&chunk, 1}));
    last_row_ = count - 1;
  }
  return Unit{};
}

Result<cache::Sequence> BenchSession::AtDepth(std::uint64_t depth, std::uint64_t seed) {
  auto pool = std::make_shared<cache::Pool>(subject_.layout);
  HADAL_TRY(cache::Sequence sequence, cache::Sequence::Create(pool));
  if (subject_.options.random_fill) {
    HADAL_TRY_STATUS(FillRandom(sequence, depth, seed));
  } else {
    HADAL_TRY_STATUS(Read(sequence, DrawTokens(depth)));
  }
  return sequence;
}

Status BenchSession::FillRandom(cache::Sequence& sequence, std::uint64_t tokens,
                                std::uint64_t seed) {
  return cache::FillRandom(subject_.model.config, Numerics::Stored(), tokens, seed, threads_,
                           &sequence);
}

Result<double> BenchSession::TimeRead(const cache::Sequence& prefix, std::uint64_t count) {
  HADAL_TRY(cache::Sequence sequence, prefix.Fork());
  return TimeTokens(sequence, DrawTokens(count));
}

Result<double> BenchSession::TimeText(cache::Sequence& sequence,
                                      std::span<const std::int32_t> text) {
  return TimeTokens(sequence, text.subspan(sequence.tokens()));
}

Result<double> BenchSession::TimeTokens(cache::Sequence& sequence,
                                        std::span<const std::int32_t> tokens) {
  logits_.resize(subject_.model.config.vocab_size);
  const Stopwatch clock;
  HADAL_TRY_STATUS(Read(sequence, tokens));
  forward_.Logits(last_row_, logits_);
  return clock.seconds();
}

Status BenchSession::Step(std::vector<cache::Sequence>& sequences,
                          std::span<const std::int32_t> tokens) {
  std::vector<model::Chunk> batch;
  for (std::size_t i = 0; i < sequences.size(); ++i)
    batch.push_back({&sequences[i].state(), tokens.subspan(i, 1)});
  HADAL_TRY_STATUS(forward_.Run(batch));
  const std::size_t vocab = subject_.model.config.vocab_size;
  forward_.Logits(0, View2<float>(logits_.data(), sequences.size(), vocab));
  return Unit{};
}

Result<double> BenchSession::TimeSteps(std::vector<cache::Sequence>& sequences, std::size_t steps) {
  HADAL_TRY_STATUS(CheckCancel());
  const std::size_t count = sequences.size();
  const std::vector<std::int32_t> tokens = DrawTokens(steps * count);
  for (cache::Sequence& sequence : sequences) HADAL_TRY_STATUS(sequence.Reserve(steps));
  logits_.resize(count * subject_.model.config.vocab_size);
  const Stopwatch clock;
  for (std::size_t s = 0; s < steps; ++s)
    HADAL_TRY_STATUS(Step(sequences, std::span(tokens).subspan(s * count, count)));
  return clock.seconds();
}

void BenchSession::Warm() {
  subject_.on_step("reading the weights once");
  const io::Checkpoint& checkpoint = subject_.model.checkpoint();
  const std::vector<std::string> names = checkpoint.Names();
  std::atomic<std::uint64_t> sum{0};
  threads_.Run(names.size(), [&](std::size_t i) {
    const auto view = checkpoint.Find(names[i]);
    std::uint64_t bits = 0;
    for (std::size_t at = 0; view.ok() && at < view->data.size(); at += 4096)
      bits ^= std::to_integer<std::uint64_t>(view->data[at]);
    sum += bits;
  });
}

std::uint64_t BenchSession::Start(std::uint64_t depth, std::uint64_t room,
                                  BenchReport& report) const {
  if (subject_.options.beyond) return depth;
  const std::uint64_t last = subject_.model.config.max_position_embeddings;
  const std::uint64_t start = std::min(depth, last - std::min(room, last));
  if (start < depth) {
    const std::string note = fmt::format("depth {}: measured from {} on, to end within the context",
                                         FormatCount(depth), FormatCount(start));
    if (std::ranges::find(report.notes, note) == report.notes.end()) report.notes.push_back(note);
  }
  return start;
}

}  // namespace hadal::measure
