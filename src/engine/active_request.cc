#include "engine/active_request.h"

#include <algorithm>
#include <utility>

namespace hadal::engine {
namespace {

void Allow(std::int32_t token, std::vector<std::uint64_t>* allowed) {
  const auto index = static_cast<std::size_t>(token);
  allowed->resize(std::max(allowed->size(), index / 64 + 1));
  (*allowed)[index / 64] |= std::uint64_t{1} << index % 64;
}

}  // namespace

ActiveRequest::ActiveRequest(RequestId id, Request request, std::uint64_t promised_bytes,
                             const text::Tokenizer* tokenizer,
                             std::span<const std::int32_t> eos_ids)
    : id_(id),
      request_(std::move(request)),
      promised_bytes_(promised_bytes),
      prompt_tokens_(request_.tokens.size() - request_.generated),
      eos_ids_(eos_ids),
      ends_(request_.stop.token_ids),
      sampler_(request_.sample, std::span(request_.tokens).first(prompt_tokens_)),
      constraint_(request_.constraint),
      stop_(request_.stop.texts) {
  if (!request_.stop.ignore_eos) ends_.insert(ends_.end(), eos_ids.begin(), eos_ids.end());
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
    HADAL_TRY_STATUS(constraint_.Accept(token));
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
  if (ended()) return 0;
  // With nothing to draw, the last token need not be read: whoever goes on reads it.
  return full() ? unread() - 1 : unread();
}

Result<model::Chunk> ActiveRequest::Next(std::size_t rows) {
  HADAL_TRY_STATUS(request_.state->Reserve(rows));
  return model::Chunk{&request_.state->state(),
                      std::span(request_.tokens).subspan(position(), rows)};
}

bool ActiveRequest::Advance(std::size_t rows) {
  if (!drawn_) {
    read_tokens_ += rows;
    if (request_.on_prompt) request_.on_prompt(position(), request_.tokens.size());
  }
  if (unread() == 0) return true;
  if (wanted() == 0) End(FinishReason::kMaxTokens);
  return false;
}

std::optional<Restriction> ActiveRequest::MayComeNext(std::vector<std::uint64_t>* allowed) {
  const Constraint::Choice choice = constraint_.Next(allowed);
  const bool early = request_.generated < request_.stop.min_tokens;
  if (!choice.restricted) {
    Restriction free;
    if (early || !choice.may_end) free.forbidden = ends_;
    return free;
  }
  const bool nothing_else =
      std::ranges::all_of(*allowed, [](std::uint64_t word) { return word == 0; });
  if (choice.may_end && (nothing_else || !early)) {
    if (nothing_else && ends_.empty()) return std::nullopt;
    for (const std::int32_t end : ends_) Allow(end, allowed);
  }
  return Restriction{.allowed = *allowed};
}

std::optional<FinishReason> ActiveRequest::EndsText(std::int32_t token) const {
  if (std::ranges::count(ends_, token) == 0) return std::nullopt;
  return std::ranges::count(eos_ids_, token) != 0 ? FinishReason::kEos : FinishReason::kStop;
}

Status ActiveRequest::Draw(std::span<const float> logits, SampleScratch* scratch) {
  if (!drawn_) drawn_ = clock_.seconds();
  const std::optional<Restriction> restriction = MayComeNext(&scratch->allowed);
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
  if (const auto end = EndsText(token)) {
    End(*end);
    if (request_.on_token)
      request_.on_token({.id = token,
                         .position = request_.tokens.size(),
                         .text = {},
                         .logprobs = logprobs ? &*logprobs : nullptr});
    return Unit{};
  }
  HADAL_TRY_STATUS(constraint_.Accept(token));
  request_.tokens.push_back(token);
  Show(token, logprobs ? &*logprobs : nullptr);
  if (!ended() && full()) End(FinishReason::kMaxTokens);
  return Unit{};
}

// The token is the last of those generated, and in the tokens already.
void ActiveRequest::Show(std::int32_t token, const Logprobs* logprobs) {
  std::string text;
  if (decoder_) text = decoder_->Push(token);
  if (request_.generated >= request_.stop.min_tokens) text = stop_.Push(text);
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
}

void ActiveRequest::Tell() {
  if (!request_.on_end) return;
  const double end = clock_.seconds(), admitted = admitted_.value_or(end);
  const double drawn = drawn_.value_or(end);
  Outcome outcome{.reason = *reason_,
                  .error = std::move(error_),
                  .stop_text = stop_.found(),
                  .prompt_tokens = prompt_tokens_,
                  .generated_tokens = request_.generated,
                  .read_tokens = read_tokens_,
                  .prefix = prefix_,
                  .queue_seconds = admitted,
                  .prefill_seconds = drawn - admitted,
                  .decode_seconds = end - drawn};
  if (decoder_) outcome.text = stop_.Push(decoder_->Finish());
  outcome.text += stop_.Finish();
  outcome.tokens = std::move(request_.tokens);
  if (!outcome.error) outcome.state = std::move(request_.state);
  request_.state.reset();
  request_.on_end(std::move(outcome));
}

}  // namespace hadal::engine
