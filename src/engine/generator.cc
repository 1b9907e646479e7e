#include "engine/generator.h"

#include <algorithm>

#include "base/clock.h"

namespace hadal::engine {
namespace {

bool Cancelled(const GenerateOptions& options) {
  return options.cancel != nullptr && options.cancel->load(std::memory_order_relaxed);
}

Result<std::vector<std::int32_t>> PromptTokens(const model::Config& config,
                                               const text::Tokenizer& tokenizer,
                                               std::string_view prompt, bool bos) {
  std::vector<std::int32_t> tokens = tokenizer.Encode(prompt);
  if (bos && config.bos_token_id)
    tokens.insert(tokens.begin(), static_cast<std::int32_t>(*config.bos_token_id));
  if (tokens.empty()) return Fail(Code::kInvalid, "the prompt is empty");
  for (const std::int32_t id : tokens)
    if (id < 0 || static_cast<std::size_t>(id) >= config.vocab_size)
      return Fail(Code::kInvalid,
                  "the tokenizer gives token {}, but the model's vocabulary has {}; do they belong "
                  "together?",
                  id, config.vocab_size);
  return tokens;
}

// One generation: the sequence, the forward pass and what has come out so far.
class Generation {
 public:
  Generation(const model::Model& model, const text::Tokenizer& tokenizer, Threads& threads,
             const GenerateOptions& options, const GenerateCallbacks& callbacks, std::size_t chunk)
      : model_(model),
        options_(options),
        callbacks_(callbacks),
        forward_(model, model::Numerics::Stored(), threads, chunk),
        sequence_(forward_.layout()),
        logits_(model.config.vocab_size),
        sampler_(options.sample),
        decoder_(tokenizer),
        stop_(options.stop) {}

  Result<GenerateResult> Run(std::span<const std::int32_t> prompt) {
    result_.prompt_tokens = prompt.size();
    HADAL_TRY_STATUS(Prefill(prompt));
    if (!Cancelled(options_)) HADAL_TRY_STATUS(Decode());
    if (Cancelled(options_)) result_.reason = FinishReason::kCancelled;
    Show(stop_.Push(decoder_.Finish()));
    Show(stop_.Finish());
    result_.state_bytes = sequence_.bytes();
    result_.fixed_state_bytes = forward_.layout().fixed_bytes;
    result_.scratch_bytes = forward_.scratch_bytes();
    return result_;
  }

 private:
  Status Feed(std::span<const std::int32_t> tokens) {
    HADAL_TRY_STATUS(sequence_.Reserve(tokens.size()));
    const model::Chunk chunk{&sequence_.state(), tokens};
    forward_.Run({&chunk, 1});
    return Unit{};
  }

  Status Prefill(std::span<const std::int32_t> prompt) {
    const Stopwatch clock;
    for (std::size_t done = 0; done < prompt.size() && !Cancelled(options_);) {
      const std::size_t count = std::min(forward_.max_tokens(), prompt.size() - done);
      HADAL_TRY_STATUS(Feed(prompt.subspan(done, count)));
      done += count;
      if (callbacks_.on_prefill) callbacks_.on_prefill(done, prompt.size());
      if (done == prompt.size()) forward_.Logits(count - 1, logits_);
    }
    result_.prefill_seconds = clock.seconds();
    return Unit{};
  }

  Status Decode() {
    const Stopwatch clock;
    while (result_.generated_tokens < options_.max_tokens && !Cancelled(options_)) {
      const std::int32_t token = sampler_.Pick(logits_);
      ++result_.generated_tokens;
      if (model_.config.eos_token_id &&
          static_cast<std::size_t>(token) == *model_.config.eos_token_id) {
        result_.reason = FinishReason::kEos;
        break;
      }
      Show(stop_.Push(decoder_.Push(token)));
      if (stop_.stopped()) {
        result_.reason = FinishReason::kStop;
        break;
      }
      if (result_.generated_tokens == options_.max_tokens) break;
      HADAL_TRY_STATUS(Feed({&token, 1}));
      forward_.Logits(0, logits_);
    }
    result_.decode_seconds = clock.seconds();
    return Unit{};
  }

  void Show(const std::string& text) const {
    if (!text.empty() && callbacks_.on_text) callbacks_.on_text(text);
  }

  const model::Model& model_;
  const GenerateOptions& options_;
  const GenerateCallbacks& callbacks_;
  model::Forward forward_;
  cache::Sequence sequence_;
  std::vector<float> logits_;
  Sampler sampler_;
  text::StreamDecoder decoder_;
  StopText stop_;
  GenerateResult result_;
};

}  // namespace

const char* FinishReasonName(FinishReason reason) {
  switch (reason) {
    case FinishReason::kEos:
      return "eos";
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kMaxTokens:
      return "max_tokens";
    case FinishReason::kCancelled:
      return "cancelled";
  }
  return "?";
}

Result<GenerateResult> Generate(const model::Model& model, const text::Tokenizer& tokenizer,
                                Threads& threads, std::string_view prompt,
                                const GenerateOptions& options,
                                const GenerateCallbacks& callbacks) {
  HADAL_TRY_STATUS(CheckSampleOptions(options.sample));
  if (options.prefill_chunk == 0)
    return Fail(Code::kInvalid, "prefill chunk 0: expected at least 1");
  HADAL_TRY(const std::vector<std::int32_t> tokens,
            PromptTokens(model.config, tokenizer, prompt, options.bos));
  if (tokens.size() > model.config.max_position_embeddings ||
      options.max_tokens > model.config.max_position_embeddings - tokens.size())
    return Fail(Code::kInvalid,
                "{} prompt tokens and {} to generate are more than the model's context of {}",
                tokens.size(), options.max_tokens, model.config.max_position_embeddings);
  const std::size_t chunk = std::min(options.prefill_chunk, tokens.size());
  Generation generation(model, tokenizer, threads, options, callbacks, chunk);
  return generation.Run(tokens);
}

}  // namespace hadal::engine
