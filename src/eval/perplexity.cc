#include "eval/perplexity.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "cache/sequence.h"
#include "engine/finite_watch.h"
#include "engine/footprint.h"
#include "model/forward.h"
#include "tensor/buffer.h"
#include "tensor/finite.h"

namespace hadal::eval {
namespace {

constexpr std::size_t kBatchTokens = 256;

constexpr std::size_t kLogitRows = 16;  // for which the head's weights are read together

double NatsOf(std::span<const float> logits, text::TokenId token) {
  const double largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float v : logits) sum += std::exp(v - largest);
  return largest + std::log(sum) - logits[static_cast<std::size_t>(token)];
}

// Sees the layers go by.
class LayerWatch : public engine::FiniteWatch {
 public:
  std::function<void(std::size_t layer)> on_layer;
  void Streams(std::size_t boundary, View2<const float> streams) override {
    engine::FiniteWatch::Streams(boundary, streams);
    if (on_layer) on_layer(boundary);
  }
};

// Scores one piece after another.
class Scorer {
 public:
  Scorer(const model::Model& model, const text::Tokenizer& tokenizer,
         const PerplexityOptions& options, model::Forward forward)
      : tokenizer_(tokenizer),
        options_(options),
        layers_(model.layers.size()),
        forward_(std::move(forward)),
        vocab_(model.config.vocab_size),
        logits_(kLogitRows * vocab_) {
    forward_.set_observer(&watch_);
  }

  // sequence[0] is read; the others are predicted. on_done: tokens run so far in this piece.
  Status Add(std::span<const text::TokenId> sequence,
             const std::function<void(std::size_t)>& on_done) {
    HADAL_TRY(cache::Sequence state, cache::Sequence::Create(forward_.layout()));
    HADAL_TRY_STATUS(state.Reserve(sequence.size()));
    for (std::size_t at = 0; at + 1 < sequence.size();) {
      const std::size_t count = std::min(forward_.max_tokens(), sequence.size() - 1 - at);
      watch_.on_layer = [&](std::size_t layer) { on_done(at + count * layer / layers_); };
      HADAL_TRY_STATUS(Run({&state.state(), sequence.subspan(at, count)}));
      HADAL_TRY_STATUS(Score(at, sequence.subspan(at + 1, count)));
      at += count;
      on_done(at);
    }
    return Unit{};
  }

  PerplexityResult result;

 private:
  Status Run(const model::Chunk& chunk) {
    const std::size_t last = chunk.tokens.size() - 1;
    watch_.Watch({&last, 1});
    HADAL_TRY_STATUS(forward_.Run({&chunk, 1}, [this] {
      return options_.cancel != nullptr && options_.cancel->load(std::memory_order_relaxed);
    }));
    return watch_.Check(0, chunk.tokens.size(), chunk.sequence->tokens - chunk.tokens.size());
  }

  // The tokens behind those of the last Run, which began at position `first`.
  Status Score(std::size_t first, std::span<const text::TokenId> next) {
    for (std::size_t row = 0; row < next.size(); ++row) {
      if (row % kLogitRows == 0)
        forward_.Logits(row, logits_.As(std::min(kLogitRows, next.size() - row), vocab_));
      const std::span<const float> logits = logits_.As(kLogitRows, vocab_)[row % kLogitRows];
      if (const auto bad = FirstNotFinite(logits))
        return Fail(Code::kCorrupt, "position {}: the logit of token {} is {}", first + row, *bad,
                    logits[*bad]);
      result.nats += NatsOf(logits, next[row]);
      result.bytes += tokenizer_.TokenBytes(next[row]).size();
      ++result.tokens;
    }
    return Unit{};
  }

  const text::Tokenizer& tokenizer_;
  const PerplexityOptions& options_;
  const std::size_t layers_;
  model::Forward forward_;
  LayerWatch watch_;
  std::size_t vocab_;
  Buffer<float> logits_;
};

Status CheckText(const arch::Config& config, std::span<const text::TokenId> tokens,
                 const PerplexityOptions& options) {
  const std::size_t context = ContextOf(options, config);
  if (context < 2 || context > config.max_position_embeddings)
    return Fail(Code::kInvalid, "context: found {}, expected 2 to the model's {} tokens", context,
                config.max_position_embeddings);
  for (const text::TokenId token : tokens)
    if (token < 0 || static_cast<std::size_t>(token) >= config.vocab_size)
      return Fail(Code::kInvalid,
                  "tokenizer.json: a token's id is {}, but the model's vocab_size is {}", token,
                  config.vocab_size);
  if (tokens.size() < (options.bos && config.bos_token_id ? 1u : 2u))
    return Fail(Code::kInvalid, "the text has {} tokens: nothing to predict", tokens.size());
  return Unit{};
}

}  // namespace

double PerplexityResult::nats_per_token() const {
  return tokens == 0 ? 0 : nats / static_cast<double>(tokens);
}
double PerplexityResult::bits_per_byte() const {
  return bytes == 0 ? 0 : nats / std::numbers::ln2 / static_cast<double>(bytes);
}
double PerplexityResult::perplexity() const { return std::exp(nats_per_token()); }

std::size_t ContextOf(const PerplexityOptions& options, const arch::Config& config) {
  return options.context.value_or(std::min(kDefaultContext, config.max_position_embeddings));
}

Result<PerplexityResult> Perplexity(const model::Model& model, const text::Tokenizer& tokenizer,
                                    Threads& threads, std::span<const text::TokenId> tokens,
                                    const PerplexityOptions& options,
                                    const PerplexityCallbacks& callbacks) {
  const arch::Config& config = model.config;
  HADAL_TRY_STATUS(CheckText(config, tokens, options));
  const std::size_t context = ContextOf(options, config);
  const arch::KvLayout layout(config, arch::Numerics::Stored());
  const engine::Footprint footprint =
      engine::PlanFootprint(model, layout,
                            {.tokens = std::min(context, tokens.size() + 1),
                             .chunk_tokens = std::min(kBatchTokens, context),
                             .threads = threads.count()});
  HADAL_TRY(const std::string note, engine::CheckMemory(footprint, options.ram_bytes));
  if (!note.empty() && callbacks.on_note) callbacks.on_note(note);

  HADAL_TRY(model::Forward forward, model::Forward::Create(model, arch::Numerics::Stored(), threads,
                                                           std::min(kBatchTokens, context)));
  Scorer scorer(model, tokenizer, options, std::move(forward));
  const bool bos = options.bos && config.bos_token_id.has_value();
  const std::size_t piece = bos ? context - 1 : context;
  std::vector<text::TokenId> sequence;
  for (std::size_t at = 0; at < tokens.size(); at += piece) {
    sequence.clear();
    if (bos) sequence.push_back(static_cast<text::TokenId>(*config.bos_token_id));
    const auto part = tokens.subspan(at, std::min(piece, tokens.size() - at));
    sequence.insert(sequence.end(), part.begin(), part.end());
    const Status scored = scorer.Add(sequence, [&](std::size_t done) {
      if (callbacks.on_progress)
        callbacks.on_progress(std::min(at + done, tokens.size()), tokens.size());
    });
    if (!scored.ok() && at > 0 && scored.error().code == Code::kCorrupt)
      return Within(fmt::format("in the piece from token {} on", at), scored.error());
    if (!scored.ok()) return scored.error();
  }
  return scorer.result;
}

}  // namespace hadal::eval
