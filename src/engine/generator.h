// Text generation for one prompt.
#pragma once
#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "cache/sequence.h"
#include "engine/sampler.h"
#include "engine/stop_text.h"
#include "model/forward.h"
#include "text/tokenizer.h"

namespace hadal::engine {

struct GenerateOptions {
  SampleOptions sample;
  std::size_t max_tokens = 256;
  std::vector<std::string> stop;    // generation ends before any of these texts
  bool bos = true;                  // put the config's BOS in front of the prompt
  std::size_t prefill_chunk = 256;  // tokens a forward pass; changes speed and scratch, not results
  const std::atomic<bool>* cancel = nullptr;  // looked at between forward passes
};

enum class FinishReason { kEos, kStop, kMaxTokens, kCancelled };
const char* FinishReasonName(FinishReason reason);

struct GenerateResult {
  FinishReason reason = FinishReason::kMaxTokens;
  std::size_t prompt_tokens = 0, generated_tokens = 0;
  double prefill_seconds = 0, decode_seconds = 0;
  std::size_t state_bytes = 0, scratch_bytes = 0;
  std::size_t fixed_state_bytes = 0;  // of state_bytes, what does not grow with the context
};

struct GenerateCallbacks {
  std::function<void(std::size_t done, std::size_t total)> on_prefill;  // may be empty
  std::function<void(std::string_view)> on_text;                        // whole characters
};

// kInvalid: an option out of range, an empty prompt without BOS, a prompt token outside the model's
// vocabulary, or more context than max_position_embeddings. kExhausted: no memory for the context.
Result<GenerateResult> Generate(const model::Model& model, const text::Tokenizer& tokenizer,
                                Threads& threads, std::string_view prompt,
                                const GenerateOptions& options, const GenerateCallbacks& callbacks);

}  // namespace hadal::engine
