// Text generation for one prompt: one request of a scheduler (engine/scheduler.h) of its own.
#pragma once
#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "engine/model_files.h"
#include "engine/request.h"
#include "engine/speculation.h"
#include "model/disk_experts.h"
#include "text/tokenizer.h"

namespace hadal::engine {

struct GenerateOptions {
  SampleOptions sample;
  StopOptions stop;
  ConstraintOptions constraint = {};
  std::vector<std::int32_t> tokens = {};  // the prompt, whole; empty: the text's
  bool bos = true;                        // put the config's BOS in front of the prompt
  // kRead: the prompt is written in the chat format (text/tokenizer.h).
  text::ControlTokens control = text::ControlTokens::kText;
  std::size_t prefill_chunk =
      256;                     // tokens a pass, at most; changes speed and scratch, not results
  bool larger_chunks = false;  // where experts are read from disk, as many as pay (footprint.h)
  std::string experts_profile = {};               // engine/expert_memory.h
  std::optional<std::size_t> prompt_tokens = {};  // of a longer prompt only so many are read
  std::optional<std::uint64_t> ram_bytes = {};    // what needs more is refused (engine/footprint.h)
  std::optional<std::size_t> logprobs = {};       // of every token drawn, with so many alternatives
  SpeculateOptions speculate = {};                // changes speed, not results
  // Where to write the state when generation is cancelled or has reached its limit; empty: nowhere.
  std::string snapshot = {};
  const std::atomic<bool>* cancel =
      nullptr;  // looked at between passes, in long ones between layers
};

struct GenerateResult {
  FinishReason reason = FinishReason::kMaxTokens;
  std::size_t prompt_tokens = 0, generated_tokens = 0;
  std::size_t read_tokens = 0;  // of the prompt, by this run: what prefill_seconds were spent on
  double prefill_seconds = 0, decode_seconds = 0;
  DraftCounts drafts = {};
  bool snapshot_written = false;
  std::uint64_t seed = 0;  // that the text was drawn with: a resumed one's is the snapshot's
  std::size_t state_bytes = 0, scratch_bytes = 0;
  std::size_t fixed_state_bytes = 0;  // of state_bytes, what does not grow with the context
  std::optional<model::DiskExpertFigures> experts = {};  // if they were read from disk
};

struct GenerateCallbacks {
  // Tokens of the prompt that have been read: once before the first pass, and after every one. May
  // be empty.
  std::function<void(std::size_t done, std::size_t total)> on_prefill = {};
  std::function<void(std::string_view)> on_text = {};  // whole characters
  // With options.logprobs: of each token that this run draws, what ends the text too.
  std::function<void(const Logprobs&)> on_logprobs = {};
  std::function<void(std::string_view)> on_note = {};  // a line that the user should see
};

// kInvalid: an option out of range, an empty prompt without BOS, a prompt token outside the model's
// vocabulary, or more context than max_position_embeddings. kExhausted: no memory for the context,
// known before anything is computed: more than ram_bytes, or than this process may have. kIo: no
// snapshot could be written where options.snapshot says, likewise. kCorrupt: the model computes
// what is no number; then no snapshot is written.
Result<GenerateResult> Generate(const ModelFiles& files, Threads& threads, std::string_view prompt,
                                const GenerateOptions& options, const GenerateCallbacks& callbacks);

// Goes on from the file that an earlier generation wrote to options.snapshot. Text and result are
// those of a generation that was never stopped, with its sampling options and all its text from the
// beginning of what was generated. kCorrupt, kInvalid as cache/snapshot.h.
Result<GenerateResult> ResumeGeneration(const ModelFiles& files, Threads& threads,
                                        const std::string& snapshot, const GenerateOptions& options,
                                        const GenerateCallbacks& callbacks);

}  // namespace hadal::engine
