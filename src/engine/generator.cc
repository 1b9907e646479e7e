#include "engine/generator.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "cache/fingerprint.h"
#include "cache/snapshot.h"
#include "engine/footprint.h"
#include "engine/generation_note.h"
#include "io/file.h"

namespace hadal::engine {
namespace {

bool Cancelled(const GenerateOptions& options) {
  return options.cancel != nullptr && options.cancel->load(std::memory_order_relaxed);
}

Result<std::vector<std::int32_t>> PromptTokens(const arch::Config& config,
                                               const text::Tokenizer& tokenizer,
                                               std::string_view prompt,
                                               const GenerateOptions& options) {
  std::vector<std::int32_t> tokens = tokenizer.Encode(prompt, options.control);
  if (options.bos && config.bos_token_id)
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
  Generation(const model::Model& model, const text::Tokenizer& tokenizer,
             const GenerateOptions& options, const GenerateCallbacks& callbacks,
             model::Forward forward, cache::Sequence sequence, GenerationNote note)
      : model_(model),
        options_(options),
        callbacks_(callbacks),
        forward_(std::move(forward)),
        sequence_(std::move(sequence)),
        note_(std::move(note)),
        logits_(std::move(note_.logits)),
        sampler_(note_.sample),
        decoder_(tokenizer),
        stop_(options.stop) {
    sampler_.set_draws(note_.draws);
    result_.seed = note_.sample.seed;
    // At its longest from the start, not twice as long somewhere on the way.
    note_.tokens.reserve(std::max(note_.tokens.size(), note_.prompt_tokens + options.max_tokens));
  }

  Result<GenerateResult> Run() {
    result_.prompt_tokens = note_.prompt_tokens;
    Replay();
    HADAL_TRY_STATUS(Prefill());
    if (!Cancelled(options_)) HADAL_TRY_STATUS(Decode());
    if (Cancelled(options_)) result_.reason = FinishReason::kCancelled;
    HADAL_TRY_STATUS(Save());
    Show(stop_.Push(decoder_.Finish()));
    Show(stop_.Finish());
    result_.state_bytes = sequence_.bytes();
    result_.fixed_state_bytes = forward_.layout().fixed_bytes;
    result_.scratch_bytes = forward_.scratch_bytes();
    return result_;
  }

 private:
  // What an earlier run has generated is shown again, so that the text is whole.
  void Replay() {
    for (std::size_t i = note_.prompt_tokens; i < note_.tokens.size(); ++i) {
      ++result_.generated_tokens;
      Show(stop_.Push(decoder_.Push(note_.tokens[i])));
    }
  }

  // All tokens that the sequence has not processed.
  Status Prefill() {
    const Stopwatch clock;
    const std::size_t first = sequence_.tokens(), total = note_.tokens.size();
    if (callbacks_.on_prefill && first < total) callbacks_.on_prefill(first, total);
    for (std::size_t done = first; done < total && !Cancelled(options_);) {
      const std::size_t count = std::min(forward_.max_tokens(), total - done);
      HADAL_TRY_STATUS(Feed(std::span(note_.tokens).subspan(done, count)));
      done += count;
      if (callbacks_.on_prefill) callbacks_.on_prefill(done, total);
      if (done == total) Logits(count - 1);
    }
    result_.read_tokens = sequence_.tokens() - first;
    result_.prefill_seconds = clock.seconds();
    return Unit{};
  }

  Status Feed(std::span<const std::int32_t> tokens) {
    HADAL_TRY_STATUS(sequence_.Reserve(tokens.size()));
    const model::Chunk chunk{&sequence_.state(), tokens};
    HADAL_TRY_STATUS(forward_.Run({&chunk, 1}));
    logits_.clear();
    return Unit{};
  }
  void Logits(std::size_t row) {
    logits_.resize(model_.config.vocab_size);
    forward_.Logits(row, logits_);
  }

  Status Decode() {
    const Stopwatch clock;
    while (result_.generated_tokens < options_.max_tokens && !Cancelled(options_)) {
      const std::int32_t token = sampler_.Pick(logits_);
      ++result_.generated_tokens;
      if (std::ranges::count(model_.config.eos_token_id, static_cast<std::size_t>(token)) != 0) {
        result_.reason = FinishReason::kEos;
        break;
      }
      note_.tokens.push_back(token);
      Show(stop_.Push(decoder_.Push(token)));
      if (stop_.stopped()) {
        result_.reason = FinishReason::kStop;
        break;
      }
      if (result_.generated_tokens == options_.max_tokens) break;
      HADAL_TRY_STATUS(Feed({&token, 1}));
      Logits(0);
    }
    result_.decode_seconds = clock.seconds();
    return Unit{};
  }

  Status Save() {
    const bool unfinished =
        result_.reason == FinishReason::kCancelled || result_.reason == FinishReason::kMaxTokens;
    if (options_.snapshot.empty() || !unfinished) return Unit{};
    note_.draws = sampler_.draws();
    note_.logits = sequence_.tokens() == note_.tokens.size() ? logits_ : std::vector<float>();
    result_.snapshot_written = true;
    return cache::SaveSnapshot(sequence_, cache::Fingerprint(model_, forward_.layout()),
                               WriteNote(note_), options_.snapshot);
  }

  void Show(const std::string& text) const {
    if (!text.empty() && callbacks_.on_text) callbacks_.on_text(text);
  }

  const model::Model& model_;
  const GenerateOptions& options_;
  const GenerateCallbacks& callbacks_;
  model::Forward forward_;
  cache::Sequence sequence_;
  GenerationNote note_;
  std::vector<float> logits_;  // of the last token processed; empty: not asked for
  Sampler sampler_;
  text::StreamDecoder decoder_;
  StopText stop_;
  GenerateResult result_;
};

// Found out before the work, not after it.
Status CheckSnapshotPlace(const std::string& path) {
  if (path.empty()) return Unit{};
  const auto file = io::AtomicFile::Create(path);
  return file.ok() ? Status(Unit{}) : Status(file.error());
}

// What must hold before a generation starts, and how large its parts are.
struct Setting {
  Setting(const model::Model& m, Threads& t, const GenerateOptions& o, const GenerationNote& note)
      : model(m),
        options(o),
        threads(t),
        generated(note.tokens.size() - note.prompt_tokens),
        prompt(note.prompt_tokens),
        chunk(std::min(o.prefill_chunk, note.tokens.size())) {}

  // Memory for the longest that the context can become, and no more.
  Result<std::shared_ptr<cache::Pool>> MakePool() const {
    if (options.prefill_chunk == 0)
      return Fail(Code::kInvalid, "prefill chunk 0: expected at least 1");
    HADAL_TRY_STATUS(CheckSnapshotPlace(options.snapshot));
    const std::size_t most = std::max(generated, options.max_tokens);
    if (prompt > model.config.max_position_embeddings ||
        most > model.config.max_position_embeddings - prompt)
      return Fail(Code::kInvalid,
                  "{} prompt tokens and {} to generate are more than the model's context of {}",
                  prompt, most, model.config.max_position_embeddings);
    const arch::KvLayout layout(model.config, arch::Numerics::Stored());
    if (!options.ram_bytes) return std::make_shared<cache::Pool>(layout);
    const Footprint footprint =
        PlanFootprint(model, layout,
                      {.tokens = prompt + most, .chunk_tokens = chunk, .threads = threads.count()});
    HADAL_TRY_STATUS(CheckFootprint(footprint, *options.ram_bytes));
    return std::make_shared<cache::Pool>(layout, footprint.state());
  }

  Result<model::Forward> MakeForward() const {
    return model::Forward::Create(model, arch::Numerics::Stored(), threads, chunk);
  }

  const model::Model& model;
  const GenerateOptions& options;
  Threads& threads;
  const std::size_t generated, prompt, chunk;
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
  GenerationNote note;
  HADAL_TRY(note.tokens, PromptTokens(model.config, tokenizer, prompt, options));
  if (options.prompt_tokens && *options.prompt_tokens < note.tokens.size())
    note.tokens.resize(std::max<std::size_t>(*options.prompt_tokens, 1));
  note.prompt_tokens = note.tokens.size();
  note.sample = options.sample;
  const Setting setting(model, threads, options, note);
  HADAL_TRY(const auto pool, setting.MakePool());
  HADAL_TRY(cache::Sequence sequence, cache::Sequence::Create(pool));
  HADAL_TRY(model::Forward forward, setting.MakeForward());
  return Generation(model, tokenizer, options, callbacks, std::move(forward), std::move(sequence),
                    std::move(note))
      .Run();
}

Result<GenerateResult> ResumeGeneration(const model::Model& model, const text::Tokenizer& tokenizer,
                                        Threads& threads, const std::string& snapshot,
                                        const GenerateOptions& options,
                                        const GenerateCallbacks& callbacks) {
  const arch::KvLayout layout(model.config, arch::Numerics::Stored());
  const std::uint64_t fingerprint = cache::Fingerprint(model, layout);
  // The note says how much context there will be; the budget is checked before the pages are read.
  HADAL_TRY(const std::string text, cache::ReadSnapshotNote(snapshot, fingerprint, layout));
  auto note = ReadNote(text, model.config.vocab_size);
  if (!note.ok()) return Within(snapshot, note.error());
  const Setting setting(model, threads, options, *note);
  HADAL_TRY(const auto pool, setting.MakePool());
  HADAL_TRY(cache::Snapshot loaded, cache::LoadSnapshot(snapshot, fingerprint, pool));
  if (loaded.sequence.tokens() > note->tokens.size())
    return Fail(Code::kCorrupt, "{}: note: found {} tokens, expected the {} processed", snapshot,
                note->tokens.size(), loaded.sequence.tokens());
  if (loaded.sequence.tokens() == note->tokens.size() && note->logits.empty())
    return Fail(Code::kCorrupt, "{}: note: logits: found none", snapshot);
  HADAL_TRY(model::Forward forward, setting.MakeForward());
  return Generation(model, tokenizer, options, callbacks, std::move(forward),
                    std::move(loaded.sequence), std::move(*note))
      .Run();
}

}  // namespace hadal::engine
