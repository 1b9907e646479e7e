// How well a model predicts a text.
//
// The text's tokens are cut into pieces of `context` tokens; each piece is a sequence of its own, behind
// the model's BOS token if it has one. Every token is predicted from all before it in its piece, and
// -ln p of the token that came is added up. Without BOS the first token of a piece is only read.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "base/result.h"
#include "base/threads.h"
#include "model/weights.h"
#include "text/tokenizer.h"

namespace hadal::eval {

struct PerplexityOptions {
  std::size_t context = 2048;  // tokens of a piece, BOS included; at least 2
  bool bos = true;
  std::optional<std::uint64_t> ram_bytes = {};  // what needs more is refused (engine/footprint.h)
  const std::atomic<bool>* cancel = nullptr;
};

struct PerplexityResult {
  std::uint64_t tokens = 0;  // scored
  std::uint64_t bytes = 0;   // of the scored tokens
  double nats = 0;           // sum of -ln p
  double nats_per_token() const;
  double bits_per_byte() const;
  double perplexity() const;  // e^(nats per token)
};

// kInvalid: the tokenizer knows ids that the model does not, or there is nothing to score.
// on_progress(done, total): tokens.
Result<PerplexityResult> Perplexity(
    const model::Model& model, const text::Tokenizer& tokenizer, Threads& threads,
    std::span<const text::TokenId> tokens, const PerplexityOptions& options,
    const std::function<void(std::size_t, std::size_t)>& on_progress);

}  // namespace hadal::eval
