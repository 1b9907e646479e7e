#include "eval/perplexity.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "cache/sequence.h"
#include "engine/footprint.h"
#include "model/forward.h"
#include "tensor/buffer.h"

namespace hadal::eval {
namespace {

constexpr std::size_t kBatchTokens = 256;

double NatsOf(std::span<const float> logits, text::TokenId token) {
  const double largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float v : logits) sum += std::exp(v - largest);
  return largest + std::log(sum) - logits[static_cast<std::size_t>(token)];
}

constexpr std::size_t kLogitRows = 16;  // for which the head's weights are read together

// Scores one piece after another.
class Scorer {
 public:
  Scorer(const model::Model& model, const text::Tokenizer& tokenizer,
         const PerplexityOptions& options, model::Forward forward)
      : tokenizer_(tokenizer),
        options_(options),
        forward_(std::move(forward)),
        vocab_(model.config.vocab_size),
        logits_(kLogitRows * vocab_) {}

  // sequence[0] is read; the others are predicted. on_done: tokens run so far in this piece.
  template <class F>
  Status Add(std::span<const text::TokenId> sequence, F&& on_done) {
    HADAL_TRY(cache::Sequence state, cache::Sequence::Create(forward_.layout()));
    HADAL_TRY_STATUS(state.Reserve(sequence.size()));
    for (std::size_t at = 0; at + 1 < sequence.size();) {
      if (options_.cancel != nullptr && options_.cancel->load())
        return Fail(Code::kCancelled, "stopped");
      const std::size_t count = std::min(forward_.max_tokens(), sequence.size() - 1 - at);
      const model::Chunk chunk{&state.state(), sequence.subspan(at, count)};
      HADAL_TRY_STATUS(forward_.Run({&chunk, 1}));
      for (std::size_t row = 0; row < count; ++row) {
        if (row % kLogitRows == 0)
          forward_.Logits(row, logits_.As(std::min(kLogitRows, count - row), vocab_));
        const text::TokenId token = sequence[at + row + 1];
        result.nats += NatsOf(logits_.As(kLogitRows, vocab_)[row % kLogitRows], token);
        result.bytes += tokenizer_.TokenBytes(token).size();
        ++result.tokens;
      }
      at += count;
      on_done(at);
    }
    return Unit{};
  }

  PerplexityResult result;

 private:
  const text::Tokenizer& tokenizer_;
  const PerplexityOptions& options_;
  model::Forward forward_;
  std::size_t vocab_;
  Buffer<float> logits_;
};

}  // namespace

double PerplexityResult::nats_per_token() const {
  return tokens == 0 ? 0 : nats / static_cast<double>(tokens);
}
double PerplexityResult::bits_per_byte() const {
  return bytes == 0 ? 0 : nats / std::numbers::ln2 / static_cast<double>(bytes);
}
double PerplexityResult::perplexity() const { return std::exp(nats_per_token()); }

Result<PerplexityResult> Perplexity(
    const model::Model& model, const text::Tokenizer& tokenizer, Threads& threads,
    std::span<const text::TokenId> tokens, const PerplexityOptions& options,
    const std::function<void(std::size_t, std::size_t)>& on_progress) {
  const arch::Config& config = model.config;
  if (options.context < 2)
    return Fail(Code::kInvalid, "context: found {}, expected at least 2 tokens", options.context);
  for (const text::TokenId token : tokens)
    if (token < 0 || static_cast<std::size_t>(token) >= config.vocab_size)
      return Fail(Code::kInvalid,
                  "tokenizer.json: a token's id is {}, but the model's vocab_size is {}", token,
                  config.vocab_size);
  const bool bos = options.bos && config.bos_token_id.has_value();
  if (tokens.size() < (bos ? 1u : 2u))
    return Fail(Code::kInvalid, "the text has {} tokens: nothing to predict", tokens.size());

  if (options.ram_bytes) {
    const arch::KvLayout layout(config, arch::Numerics::Stored());
    const engine::Footprint footprint =
        engine::PlanFootprint(model, layout,
                              {.tokens = std::min(options.context, tokens.size() + 1),
                               .chunk_tokens = std::min(kBatchTokens, options.context),
                               .threads = threads.count()});
    HADAL_TRY_STATUS(engine::CheckFootprint(footprint, *options.ram_bytes));
  }
  HADAL_TRY(model::Forward forward,
            model::Forward::Create(model, arch::Numerics::Stored(), threads,
                                   std::min(kBatchTokens, options.context)));
  Scorer scorer(model, tokenizer, options, std::move(forward));
  const std::size_t piece = bos ? options.context - 1 : options.context;
  std::vector<text::TokenId> sequence;
  for (std::size_t at = 0; at < tokens.size(); at += piece) {
    sequence.clear();
    if (bos) sequence.push_back(static_cast<text::TokenId>(*config.bos_token_id));
    const auto part = tokens.subspan(at, std::min(piece, tokens.size() - at));
    sequence.insert(sequence.end(), part.begin(), part.end());
    HADAL_TRY_STATUS(scorer.Add(sequence, [&](std::size_t done) {
      if (on_progress) on_progress(std::min(at + done, tokens.size()), tokens.size());
    }));
  }
  return scorer.result;
}

}  // namespace hadal::eval
