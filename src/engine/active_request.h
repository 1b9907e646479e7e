// A request on its way through the scheduler: its state, its text so far and what it still wants.
//
// Reading a prompt, decoding and going on from a snapshot are one thing: `tokens` grows at its end,
// the sequence follows behind, and whenever it has caught up, the next token is drawn. So what is
// in the sequence is always less than the tokens, and a request can be stopped and gone on with at
// any point.
//
// Guesses of what comes next (engine/drafter.h) may be read with the last token, in the same pass.
// The tokens are drawn all the same, one after the other, each from the logits of its own row: as
// long as a draw equals the guess, the row behind it has read the right text, and the next token is
// drawn from it. Then the sequence goes back to what is right (Settle).
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/clock.h"
#include "engine/draft_counts.h"
#include "engine/drafter.h"
#include "engine/next_tokens.h"
#include "engine/outlook.h"
#include "engine/request.h"
#include "engine/stop_text.h"
#include "model/forward.h"
#include "text/tokenizer.h"

namespace hadal::engine {

using RequestId = std::uint64_t;

class ActiveRequest {
 public:
  // The request's stop.max_tokens is given. tokenizer null: no text; it and eos_ids outlive this.
  // promised_bytes: of memory for its state, by its scheduler.
  ActiveRequest(RequestId id, Request request, std::uint64_t promised_bytes,
                const text::Tokenizer* tokenizer, std::span<const std::int32_t> eos_ids);

  RequestId id() const { return id_; }
  std::uint64_t promised_bytes() const { return promised_bytes_; }
  std::uint64_t state_bytes() const { return request_.state ? request_.state->bytes() : 0; }

  // What a cache of prefixes needs to know, and gives.
  std::span<const std::int32_t> tokens() const { return request_.tokens; }
  std::size_t prompt_tokens() const { return prompt_tokens_; }
  std::span<const std::uint64_t> turn_ends() const { return request_.turn_ends; }
  std::uint64_t prefix_scope() const { return request_.prefix_scope; }
  const cache::PrefixUse& prefix() const { return prefix_; }
  const std::optional<cache::Sequence>& sequence() const { return request_.state; }
  bool reads() const { return !drawn_; }  // its prompt, still
  void GoOnFrom(std::optional<cache::Sequence> state, const cache::PrefixUse& use);

  // Takes its memory and tells of what is there already. kExhausted.
  Status Admit(const std::shared_ptr<cache::Pool>& pool);

  bool ended() const { return reason_.has_value(); }
  bool failed() const { return error_.has_value(); }
  // Rows of the next pass that it has a use for; 1 is decoding, and before Admit there are none.
  std::size_t wanted() const;
  std::uint64_t position() const { return request_.state->tokens() - ahead_; }
  model::SequenceState& state() { return request_.state->state(); }
  // The next `rows` tokens, at most wanted(), and behind them the guesses that are to be tried.
  // kExhausted: no memory, against the promise.
  Result<model::Chunk> Next(std::size_t rows);
  // The chunk has been processed. True: a token is to be drawn from the logits behind its `rows`.
  bool Advance(std::size_t rows);
  // kCorrupt, kInvalid as Sampler::Pick.
  Status Draw(std::span<const float> logits, SampleScratch* scratch);
  // After Draw: true if the text goes on and its token is the guess that was tried for it. The next
  // row's logits are then the next token's.
  bool TakeGuess();
  // After the last draw: the sequence has processed what is right and no more.
  Status Settle();

  // For the next pass: guesses of the tokens behind the last one, up to the first that may not come
  // or that there is no room for. To be called when nothing but the last token is unread.
  void Propose(std::vector<Guess> guesses, SampleScratch* scratch);
  std::span<const Guess> guesses() const { return guesses_; }
  // So many of them are read with the last token in the next pass, and in no other.
  void Try(std::size_t count) { to_try_ = std::min(count, guesses_.size()); }
  std::size_t to_try() const { return to_try_; }
  // Of the last pass.
  std::size_t tried() const { return tried_; }
  std::size_t accepted() const { return accepted_; }
  std::span<const std::int32_t> drawn() const {  // but for one that ended the text
    return std::span(request_.tokens).last(drawn_tokens_);
  }
  // `rows` of the last pass, from first_row on, have been read for good; at most `most` guesses are
  // wanted, and none where more than the last token is unread.
  DraftText ForDrafter(std::size_t first_row, std::size_t rows, std::size_t most);

  void Fail(Error error);
  void End(FinishReason reason) { reason_ = reason; }
  void Tell();  // on_end; nothing may be called afterwards

 private:
  std::size_t MostGuesses(std::size_t wanted) const;
  std::size_t unread() const { return request_.tokens.size() - position(); }
  bool full() const { return request_.generated >= *request_.stop.max_tokens; }
  void Show(std::int32_t token, const Logprobs* logprobs);

  RequestId id_;
  Request request_;  // tokens, generated and state are those of now
  std::uint64_t promised_bytes_;
  std::size_t prompt_tokens_, read_tokens_ = 0;
  cache::PrefixUse prefix_;
  Sampler sampler_;
  NextTokens next_;
  std::optional<text::StreamDecoder> decoder_;
  std::optional<std::int32_t> stops_after_;  // the token that texts are looked for behind
  StopText stop_;
  std::vector<Guess> guesses_;
  std::size_t to_try_ = 0, tried_ = 0, accepted_ = 0, drawn_tokens_ = 0;
  std::size_t ahead_ = 0;            // guesses that the sequence has processed, and none has drawn
  std::vector<std::int32_t> chunk_;  // of a pass with guesses
  DraftCounts drafts_;
  std::optional<FinishReason> reason_;
  std::optional<Error> error_;
  Stopwatch clock_;
  std::optional<double> admitted_, drawn_;  // when, by clock_; drawn_: the first token
};

}  // namespace hadal::engine
