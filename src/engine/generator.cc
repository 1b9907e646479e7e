#include "engine/generator.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "cache/fingerprint.h"
#include "cache/snapshot.h"
#include "engine/footprint.h"
#include "engine/generation_note.h"
#include "engine/scheduler.h"
#include "io/place.h"

namespace hadal::engine {
namespace {

std::vector<std::int32_t> PromptTokens(const ModelFiles& files, std::string_view prompt,
                                       const GenerateOptions& options) {
  if (!options.tokens.empty()) return options.tokens;
  std::vector<std::int32_t> tokens = files.tokenizer.Encode(prompt, options.control);
  const auto bos = files.model.config.bos_token_id;
  if (options.bos && bos) tokens.insert(tokens.begin(), static_cast<std::int32_t>(*bos));
  if (options.prompt_tokens && *options.prompt_tokens < tokens.size())
    tokens.resize(std::max<std::size_t>(*options.prompt_tokens, 1));
  return tokens;
}

class Generation {
 public:
  Generation(const ModelFiles& files, Threads& threads, const GenerateOptions& options,
             const GenerateCallbacks& callbacks)
      : files_(files), threads_(threads), options_(options), callbacks_(callbacks) {}

  // Everything that can be refused is, before any work.
  Status Prepare(const Request& request) {
    if (options_.prefill_chunk == 0)
      return Fail(Code::kInvalid, "prefill chunk 0: expected at least 1");
    HADAL_TRY_STATUS(CheckRequest(request, files_.model.config));
    if (!options_.snapshot.empty()) HADAL_TRY_STATUS(io::CheckWritable(options_.snapshot));
    const std::size_t prompt = request.tokens.size() - request.generated;
    const std::size_t most = std::max(request.generated, TokenLimit(request, files_.model.config));
    SchedulerOptions scheduler{.tokenizer = &files_.tokenizer,
                               .eos_ids = files_.eos_ids,
                               .max_running = 1,
                               .interrupt = options_.cancel,
                               .speculate = options_.speculate};
    const arch::KvLayout layout(files_.model.config, arch::Numerics::Stored());
    const std::size_t rows = std::max(std::min(options_.prefill_chunk, request.tokens.size()),
                                      1 + MostGuesses(options_.speculate));
    HADAL_TRY(
        const MemoryPlan plan,
        PlanMemory(files_.model, layout,
                   {.tokens = prompt + most, .chunk_tokens = rows, .threads = threads_.count()},
                   options_.larger_chunks ? std::min(kMostStreamedRows, request.tokens.size()) : 0,
                   options_.ram_bytes));
    if (!plan.note.empty() && callbacks_.on_note) callbacks_.on_note(plan.note);
    scheduler.max_rows = plan.rows;
    scheduler.state_bytes = plan.footprint.state();
    scheduler.experts = {.bytes = plan.expert_bytes,
                         .profile = options_.experts_profile,
                         .on_note = callbacks_.on_note};
    HADAL_TRY(scheduler_, Scheduler::Create(files_.model, threads_, scheduler));
    return Unit{};
  }
  const std::shared_ptr<cache::Pool>& pool() const { return scheduler_->pool(); }

  Result<GenerateResult> Run(Request request) {
    const SampleOptions sample = request.sample;
    std::optional<Outcome> outcome;
    request.on_prompt = callbacks_.on_prefill;
    request.on_token = [this](const TokenEvent& event) {
      if (event.logprobs != nullptr && callbacks_.on_logprobs)
        callbacks_.on_logprobs(*event.logprobs);
      Show(event.text);
    };
    request.on_end = [&](Outcome end) { outcome = std::move(end); };
    HADAL_TRY(const RequestId id, scheduler_->Add(std::move(request)));
    while (!outcome) {
      if (options_.cancel != nullptr && options_.cancel->load(std::memory_order_relaxed))
        scheduler_->Cancel(id);
      scheduler_->Step();
    }
    if (outcome->error) return *outcome->error;
    GenerateResult result = ResultOf(*outcome);
    result.seed = sample.seed;
    HADAL_TRY(result.snapshot_written, Save(*outcome, sample));
    Show(outcome->text);
    return result;
  }

 private:
  void Show(std::string_view text) const {
    if (!text.empty() && callbacks_.on_text) callbacks_.on_text(text);
  }

  GenerateResult ResultOf(const Outcome& outcome) const {
    return {.reason = outcome.reason,
            .prompt_tokens = outcome.prompt_tokens,
            .generated_tokens = outcome.generated_tokens,
            .read_tokens = outcome.read_tokens,
            .prefill_seconds = outcome.prefill_seconds,
            .decode_seconds = outcome.decode_seconds,
            .drafts = outcome.drafts,
            .state_bytes = outcome.state ? outcome.state->bytes() : 0,
            .scratch_bytes = scheduler_->scratch_bytes(),
            .fixed_state_bytes = pool()->layout().fixed_bytes,
            .experts = scheduler_->expert_figures()};
  }

  Result<bool> Save(const Outcome& outcome, const SampleOptions& sample) const {
    const bool unfinished =
        outcome.reason == FinishReason::kCancelled || outcome.reason == FinishReason::kMaxTokens;
    if (options_.snapshot.empty() || !unfinished || !outcome.state) return false;
    const GenerationNote note{.tokens = outcome.tokens,
                              .prompt_tokens = outcome.prompt_tokens,
                              .sample = sample,
                              .constrained = options_.constraint.language != nullptr};
    HADAL_TRY_STATUS(cache::SaveSnapshot(*outcome.state,
                                         cache::Fingerprint(files_.model, pool()->layout()),
                                         WriteNote(note), options_.snapshot));
    return true;
  }

  const ModelFiles& files_;
  Threads& threads_;
  const GenerateOptions& options_;
  const GenerateCallbacks& callbacks_;
  std::unique_ptr<Scheduler> scheduler_;
};

}  // namespace

Result<GenerateResult> Generate(const ModelFiles& files, Threads& threads, std::string_view prompt,
                                const GenerateOptions& options,
                                const GenerateCallbacks& callbacks) {
  Request request{.tokens = PromptTokens(files, prompt, options),
                  .sample = options.sample,
                  .stop = options.stop,
                  .constraint = options.constraint,
                  .logprobs = options.logprobs};
  Generation generation(files, threads, options, callbacks);
  HADAL_TRY_STATUS(generation.Prepare(request));
  return generation.Run(std::move(request));
}

Result<GenerateResult> ResumeGeneration(const ModelFiles& files, Threads& threads,
                                        const std::string& snapshot, const GenerateOptions& options,
                                        const GenerateCallbacks& callbacks) {
  const arch::Config& config = files.model.config;
  const arch::KvLayout layout(config, arch::Numerics::Stored());
  const std::uint64_t fingerprint = cache::Fingerprint(files.model, layout);
  // The note says how much context there will be; the budget is checked before the pages are read.
  HADAL_TRY(const std::string text, cache::ReadSnapshotNote(snapshot, fingerprint, layout));
  auto note = ReadNote(text, config.vocab_size);
  if (!note.ok()) return Within(snapshot, note.error());
  if (note->constrained && options.constraint.language == nullptr && callbacks.on_note)
    callbacks.on_note(
        snapshot +
        ": its text was bound to JSON, which it does not keep: the rest is free; bind "
        "it with the same --json-schema or --json-object");
  Request request{.tokens = std::move(note->tokens),
                  .sample = note->sample,
                  .stop = options.stop,
                  .constraint = options.constraint,
                  .logprobs = options.logprobs};
  request.generated = request.tokens.size() - note->prompt_tokens;
  Generation generation(files, threads, options, callbacks);
  HADAL_TRY_STATUS(generation.Prepare(request));
  HADAL_TRY(cache::Snapshot loaded, cache::LoadSnapshot(snapshot, fingerprint, generation.pool()));
  if (loaded.sequence.tokens() >= request.tokens.size())
    return Fail(Code::kCorrupt, "{}: note: found {} tokens, expected more than the {} processed",
                snapshot, request.tokens.size(), loaded.sequence.tokens());
  request.state = std::move(loaded.sequence);
  return generation.Run(std::move(request));
}

}  // namespace hadal::engine
