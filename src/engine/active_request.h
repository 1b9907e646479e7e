// A request on its way through the scheduler: its state, its text so far and what it still wants.
//
// Reading a prompt, decoding and going on from a snapshot are one thing: `tokens` grows at its end,
// the sequence follows behind, and whenever it has caught up, the next token is drawn. So what is
// in the sequence is always less than the tokens, and a request can be stopped and gone on with at
// any point.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/clock.h"
#include "engine/constraint.h"
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
  std::uint64_t prefix_scope() const { return request_.prefix_scope; }
  const cache::PrefixUse& prefix() const { return prefix_; }
  const std::optional<cache::Sequence>& sequence() const { return request_.state; }
  bool reads() const { return !drawn_; }  // its prompt, still
  void GoOnFrom(std::optional<cache::Sequence> state, const cache::PrefixUse& use);

  // Takes its memory and tells of what is there already. kExhausted.
  Status Admit(const std::shared_ptr<cache::Pool>& pool);

  bool ended() const { return reason_.has_value(); }
  bool failed() const { return error_.has_value(); }
  std::size_t wanted() const;  // rows of the next pass that it has a use for; 1 is decoding
  std::uint64_t position() const { return request_.state->tokens(); }
  model::SequenceState& state() { return request_.state->state(); }
  // The next `rows` tokens, at most wanted(). kExhausted: no memory, against the promise.
  Result<model::Chunk> Next(std::size_t rows);
  // The chunk has been processed. True: a token is to be drawn from the logits behind it.
  bool Advance(std::size_t rows);
  // kCorrupt, kInvalid as Sampler::Pick.
  Status Draw(std::span<const float> logits, SampleScratch* scratch);

  void Fail(Error error);
  void End(FinishReason reason) { reason_ = reason; }
  void Tell();  // on_end; nothing may be called afterwards

 private:
  std::size_t unread() const { return request_.tokens.size() - request_.state->tokens(); }
  bool full() const { return request_.generated >= *request_.stop.max_tokens; }
  // What may come next. None: the text must end, and no token ends one.
  std::optional<Restriction> MayComeNext(std::vector<std::uint64_t>* allowed);
  void Show(std::int32_t token, const Logprobs* logprobs);
  std::optional<FinishReason> EndsText(std::int32_t token) const;

  RequestId id_;
  Request request_;  // tokens, generated and state are those of now
  std::uint64_t promised_bytes_;
  std::size_t prompt_tokens_, read_tokens_ = 0;
  cache::PrefixUse prefix_;
  std::span<const std::int32_t> eos_ids_;
  std::vector<std::int32_t> ends_;  // ids that end the text
  Sampler sampler_;
  Constraint constraint_;
  std::optional<text::StreamDecoder> decoder_;
  StopText stop_;
  std::optional<FinishReason> reason_;
  std::optional<Error> error_;
  Stopwatch clock_;
  std::optional<double> admitted_, drawn_;  // when, by clock_; drawn_: the first token
};

}  // namespace hadal::engine
