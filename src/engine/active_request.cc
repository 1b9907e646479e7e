#include "engine/active_request.h"

#include <algorithm>
#include <utility>

namespace hadal::engine {
ActiveRequest::ActiveRequest(RequestId id, Request request, std::uint64_t promised_bytes,
                             const text::Tokenizer* tokenizer,
                             std::span<const std::int32_t> eos_ids)
    : id_(id),
      request_(std::move(request)),
      promised_bytes_(promised_bytes),
      prompt_tokens_(request_.tokens.size() - request_.generated),
      sampler_(request_.sample, std::span(request_.tokens).first(prompt_tokens_)),
      next_(request_.constraint, request_.stop, eos_ids),
      stops_after_(request_.stop.texts_after),
      stop_(request_.stop.texts, request_.stop.shields, request_.stop.always) {
  if (tokenizer != nullptr) decoder_.emplace(*tokenizer);
}

void ActiveRequest::GoOnFrom(std::optional<cache::Sequence> state, const cache::PrefixUse& use) {
  request_.state = std::move(state);
  prefix_ = use;
}

Status ActiveRequest::Admit(const std::shared_ptr<cache::Pool>& pool) {
  admitted_ = clock_.seconds();
  if (!request_.state) {
    HADAL_TRY(request_.state, cache::Sequence::Create(pool));
  }
  // At its longest from the start, not twice as long somewhere on the way.
  request_.tokens.reserve(
      std::max(request_.tokens.size(), prompt_tokens_ + *request_.stop.max_tokens));
  const std::size_t earlier = std::exchange(request_.generated, 0);
  for (std::size_t i = 0; i < earlier && !ended(); ++i) {
    const std::int32_t token = request_.tokens[prompt_tokens_ + i];
    HADAL_TRY_STATUS(next_.Accept(token));
    sampler_.Accept(token);
    ++request_.generated;
    Show(token, nullptr);
  }
  if (ended()) request_.tokens.resize(prompt_tokens_ + request_.generated);
  if (request_.on_prompt && wanted() > 0) request_.on_prompt(position(), request_.tokens.size());
  if (!ended() && wanted() == 0) End(FinishReason::kMaxTokens);
  return Unit{};
}

std::size_t ActiveRequest::wanted() const {
  if (ended() || !request_.state) return 0;
  // With nothing to draw, the last token need not be read: whoever goes on reads it.
  return full() ? unread() - 1 : unread();
}

Result<model::Chunk> ActiveRequest::Next(std::size_t rows) {
  HADAL_TRY_STATUS(request_.state->Reserve(rows + to_try_));
  const auto tokens = std::span(request_.tokens).subspan(position(), rows);
  model::SequenceState* state = &request_.state->state();
  if (to_try_ == 0) return model::Chunk{state, tokens};
  HADAL_CHECK(rows == unread());
  chunk_.assign(tokens.begin(), tokens.end());
  for (std::size_t i = 0; i < to_try_; ++i) chunk_.push_back(guesses_[i].token);
  return model::Chunk{state, chunk_};
}

bool ActiveRequest::Advance(std::size_t rows) {
  ahead_ = tried_ = std::exchange(to_try_, 0);
  accepted_ = drawn_tokens_ = 0;
  if (!drawn_) {
    read_tokens_ += rows;
    if (request_.on_prompt) request_.on_prompt(position(), request_.tokens.size());
  }
  if (unread() == 0) return true;
  if (wanted() == 0) End(FinishReason::kMaxTokens);
  return false;
}

Status ActiveRequest::Draw(std::span<const float> logits, SampleScratch* scratch) {
  if (!drawn_) drawn_ = clock_.seconds();
  const std::optional<Restriction> restriction = next_.MayComeNext(&scratch->allowed);
  if (!restriction) {
    End(FinishReason::kStop);
    return Unit{};
  }
  HADAL_TRY(const std::int32_t token,
            sampler_.Pick(logits, request_.tokens.size(), *restriction, scratch));
  std::optional<Logprobs> logprobs;
  if (request_.logprobs) logprobs = LogprobsOf(logits, token, *request_.logprobs);
  sampler_.Accept(token);
  ++request_.generated;
  if (const auto end = next_.Ends(token)) {
    End(*end);
    if (request_.on_token)
      request_.on_token({.id = token,
                         .position = request_.tokens.size(),
                         .text = {},
                         .logprobs = logprobs ? &*logprobs : nullptr});
    return Unit{};
  }
  HADAL_TRY_STATUS(next_.Accept(token));
  request_.tokens.push_back(token);
  ++drawn_tokens_;
  Show(token, logprobs ? &*logprobs : nullptr);
  if (!ended() && full()) End(FinishReason::kMaxTokens);
  return Unit{};
}

bool ActiveRequest::TakeGuess() {
  if (ended() || ahead_ == 0 || guesses_[accepted_].token != request_.tokens.back()) return false;
  ++accepted_;
  --ahead_;
  return true;
}

Status ActiveRequest::Settle() {
  drafts_.Count(tried_, accepted_);
  if (ahead_ == 0) return Unit{};
  const std::uint64_t right = position();
  ahead_ = 0;
  return request_.state->Truncate(right, request_.state->state().mtp_tokens);
}

std::size_t ActiveRequest::MostGuesses(std::size_t wanted) const {
  if (ended() || full() || reads() || unread() != 1) return 0;
  // A token is drawn behind every guess: behind the last one that there is room for, none is.
  return std::min(wanted, *request_.stop.max_tokens - request_.generated - 1);
}

DraftText ActiveRequest::ForDrafter(std::size_t first_row, std::size_t rows, std::size_t most) {
  return {.tokens = request_.tokens,
          .sequence = &*request_.state,
          .first_row = first_row,
          .rows = rows,
          .most = MostGuesses(most),
          .outlook = Outlook(next_, sampler_, request_.tokens.size())};
}

void ActiveRequest::Propose(std::vector<Guess> guesses, SampleScratch* scratch) {
  guesses.resize(MostGuesses(guesses.size()));
  Outlook outlook(next_, sampler_, request_.tokens.size());
  const auto fails = [&](const Guess& guess) { return !outlook.Take(guess.token, scratch); };
  guesses.erase(std::ranges::find_if(guesses, fails), guesses.end());
  guesses_ = std::move(guesses);
  to_try_ = 0;
}

// The token is the last of those generated, and in the tokens already.
void ActiveRequest::Show(std::int32_t token, const Logprobs* logprobs) {
  std::string text;
  if (decoder_) text = decoder_->Push(token);
  if (stops_after_ == token)
    stops_after_.reset();
  else if (!stops_after_ && request_.generated >= request_.stop.min_tokens)
    text = stop_.Push(text);
  if (stop_.stopped()) End(FinishReason::kStop);
  if (request_.on_token)
    request_.on_token({.id = token,
                       .position = prompt_tokens_ + request_.generated - 1,
                       .text = text,
                       .logprobs = logprobs});
}

void ActiveRequest::Fail(Error error) {
  End(FinishReason::kFailed);
  error_ = std::move(error);
  tried_ = accepted_ = ahead_ = 0;
}

void ActiveRequest::Tell() {
  if (!request_.on_end) return;
  const double end = clock_.seconds(), admitted = admitted_.value_or(end);
  const double drawn = drawn_.value_or(end);
  std::string text = decoder_ ? stop_.Push(decoder_->Finish()) : std::string();
  text += stop_.Finish();
  // One that waited for what did not come.
  if (stop_.stopped() && (reason_ == FinishReason::kEos || reason_ == FinishReason::kMaxTokens))
    reason_ = FinishReason::kStop;
  Outcome outcome{.reason = *reason_,
                  .error = std::move(error_),
                  .text = std::move(text),
                  .stop_text = stop_.found(),
                  .prompt_tokens = prompt_tokens_,
                  .generated_tokens = request_.generated,
                  .read_tokens = read_tokens_,
                  .prefix = prefix_,
                  .queue_seconds = admitted,
                  .prefill_seconds = drawn - admitted,
                  .decode_seconds = end - drawn,
                  .drafts = drafts_};
  outcome.tokens = std::move(request_.tokens);
  if (!outcome.error) outcome.state = std::move(request_.state);
  request_.state.reset();
  request_.on_end(std::move(outcome));
}

}  // namespace hadal::engine
