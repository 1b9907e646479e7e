// How well a model predicts a text.
//
// The text's tokens are cut into pieces of `context` tokens; each piece is a sequence of its own,
// behind the model's BOS token if it has one. Every token is predicted from all before it in its
// piece, and -ln p of the token that came is added up. Without BOS the first token of a piece is
// only read.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "base/threads.h"
#include "model/weights.h"
#include "text/tokenizer.h"

namespace hadal::eval {

inline constexpr std::size_t kDefaultContext = 2048;

struct PerplexityOptions {
  // Tokens of a piece, BOS included, from 2 to the model's context; absent: kDefaultContext, or the
  // model's context, if that is less.
  std::optional<std::size_t> context = {};
  bool bos = true;
  std::optional<std::uint64_t> ram_bytes = {};  // what needs more is refused (engine/footprint.h)
  const std::atomic<bool>* cancel = nullptr;    // looked at before each layer of a pass
};

struct PerplexityCallbacks {
  // Tokens done, from 0 on; within a pass as far as its layers are.
  std::function<void(std::size_t done, std::size_t total)> on_progress = {};
  std::function<void(std::string_view)> on_note = {};  // a line that the user should see
};

struct PerplexityResult {
  std::uint64_t tokens = 0;  // scored
  std::uint64_t bytes = 0;   // of the scored tokens
  double nats = 0;           // sum of -ln p
  double nats_per_token() const;
  double bits_per_byte() const;
  double perplexity() const;  // e^(nats per token)
};

std::size_t ContextOf(const PerplexityOptions& options, const arch::Config& config);

// kInvalid: the tokenizer knows ids that the model does not, there is nothing to score, or context
// is out of range. kExhausted as CheckMemory. kCorrupt: the model computes what is no number.
// kCancelled.
Result<PerplexityResult> Perplexity(const model::Model& model, const text::Tokenizer& tokenizer,
                                    Threads& threads, std::span<const text::TokenId> tokens,
                                    const PerplexityOptions& options,
                                    const PerplexityCallbacks& callbacks);

}  // namespace hadal::eval
