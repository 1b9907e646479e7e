#include "server/generations.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/exceptions.h"
#include "base/log.h"
#include "base/units.h"
#include "server/answer_bytes.h"
#include "server/ids.h"

namespace hadal::server {
namespace {

using engine::FinishReason;
using Event = chat::StreamEvent;
using Piece = AnswerPiece;

constexpr std::size_t kMostGaps = 4096;  // kept of one generation

Piece::Kind PieceKind(Event::Kind kind) {
  switch (kind) {
    case Event::Kind::kReasoning:
      return Piece::Kind::kReasoning;
    case Event::Kind::kCallBegin:
      return Piece::Kind::kCallBegin;
    case Event::Kind::kArguments:
      return Piece::Kind::kArguments;
    case Event::Kind::kCallEnd:
      return Piece::Kind::kCallEnd;
    case Event::Kind::kContent:
    case Event::Kind::kWarning:
      break;
  }
  return Piece::Kind::kContent;
}

void Keep(const Piece& piece, Answer* answer) {
  switch (piece.kind) {
    case Piece::Kind::kReasoning:
      answer->reasoning += piece.text;
      break;
    case Piece::Kind::kContent:
      answer->content += piece.text;
      break;
    case Piece::Kind::kCallBegin:
      answer->calls.push_back({piece.call_id, piece.text, ""});
      break;
    case Piece::Kind::kArguments:
      answer->calls.back().arguments += piece.text;
      break;
    case Piece::Kind::kCallEnd:
      break;
  }
}

Finish FinishOf(const Answer& answer) {
  if (answer.end.reason == FinishReason::kMaxTokens) return Finish::kLength;
  return answer.calls.empty() ? Finish::kStop : Finish::kToolCalls;
}

// Whether the text has come to an end of its own: one that failed, or was cut off, has none.
bool EndsWell(const RunEnd& end) {
  return end.reason != FinishReason::kFailed && end.reason != FinishReason::kCancelled;
}

}  // namespace

Generations::Generations(Loop& loop, EngineThread& engine, const ServedModel& model,
                         GenerationLimits limits,
                         std::function<void(const EndedGeneration&)> on_ended)
    : loop_(loop),
      engine_(engine),
      model_(model),
      limits_(limits),
      on_ended_(std::move(on_ended)) {}

void Generations::Submit(Generation generation, std::unique_ptr<AnswerSink> sink,
                         ExchangePtr exchange) {
  // A std::function must be copyable; what it carries is moved out when it is called, once.
  struct Parcel {
    Generation generation;
    std::unique_ptr<AnswerSink> sink;
    ExchangePtr exchange;
  };
  auto parcel =
      std::make_shared<Parcel>(Parcel{std::move(generation), std::move(sink), std::move(exchange)});
  loop_.Post([this, parcel] {
    Begin(std::move(parcel->generation), std::move(parcel->sink), std::move(parcel->exchange));
  });
}

ApiStatus Generations::CheckRoom(const Generation& generation) const {
  const std::size_t most = limits_.parallel + limits_.queue;
  if (generation.runs.size() > most)  // however often it comes again
    return BadField("n", "found {} answers, with those of all prompts; this server has {} at most",
                    generation.runs.size(), most);
  std::size_t runs = generation.runs.size(), of_key = 0;
  for (const auto& [id, active] : active_) {
    runs += active->generation.runs.size();
    if (active->generation.scope == generation.scope) ++of_key;
  }
  ApiError busy{.status = 429, .message = {}, .code = "rate_limit_exceeded"};
  const double waiting = static_cast<double>(runs) / static_cast<double>(limits_.parallel);
  busy.retry_after_s = static_cast<int>(std::clamp(std::ceil(seconds_each_ * waiting), 1.0, 60.0));
  if (limits_.per_key != 0 && of_key >= limits_.per_key) {
    busy.message =
        fmt::format("this key has {} requests under way, the limit is {}", of_key, limits_.per_key);
    return busy;
  }
  if (runs <= most) return CheckAnswerBytes(generation);
  busy.message = fmt::format("{} requests run and wait, the limit is {} and {}; try again later",
                             runs - generation.runs.size(), limits_.parallel, limits_.queue);
  return busy;
}

ApiStatus Generations::CheckAnswerBytes(const Generation& generation) const {
  const std::uint64_t wanted = AnswerBytes(generation);
  if (wanted > limits_.answer_bytes)
    return BadField("logprobs",
                    "the answer may come to {}, all answers at once have {}; ask for fewer tokens, "
                    "choices or alternatives{}",
                    FormatBytes(wanted), FormatBytes(limits_.answer_bytes),
                    generation.tokens == TokensGo::kIntoAnswer ? ", or for a stream" : "");
  std::uint64_t all = wanted;
  for (const auto& [id, active] : active_) all += active->answer_bytes;
  if (wanted == 0 || all <= limits_.answer_bytes) return Unit{};
  return ApiError{
      .status = 429,
      .message =
          "the log-probabilities of others take the memory for answers; try "
          "again later",
      .code = "rate_limit_exceeded",
      .retry_after_s = static_cast<int>(std::clamp(std::ceil(seconds_each_), 1.0, 60.0))};
}

void Generations::Begin(Generation generation, std::unique_ptr<AnswerSink> sink,
                        ExchangePtr exchange) {
  const ApiStatus room = CheckRoom(generation);
  if (!room.ok()) return sink->Failed(room.error());
  const auto active = std::make_shared<Active>();
  active->id = NewId("");
  active->answer_bytes = AnswerBytes(generation);
  active->generation = std::move(generation);
  active->sink = std::move(sink);
  active->exchange = std::move(exchange);
  active->ended.id = active->id;
  active->ended.api = active->generation.api;
  active->ended.owner = active->generation.owner;
  active->ended.reasons = active->generation.reasons;
  active->ended.request_id = active->exchange->request().id;
  active_.emplace(active->id, active);
  try {
    if (const ApiStatus started = StartRuns(*active); !started.ok()) {
      DropRuns(*active);
      return active->sink->Failed(started.error());
    }
    active->exchange->Watch([this, id = active->id] { Gone(id); },
                            [this, id = active->id] { Drained(id); });
    active->sink->Accepted(active->id);
  } catch (...) {
    const Error error = CaughtError();
    std::vector<Choice>& choices = active->choices;
    const bool unknown = !choices.empty() && !runs_.contains(choices.back().run);
    if (unknown) {  // the last one has just been begun, or not even that
      (void)Caught([&] { engine_.Cancel(choices.back().run); });
      choices.pop_back();
    }
    Break(*active, error);
  }
}

// Of a generation that nobody is to hear of any more.
void Generations::DropRuns(const Active& active) {
  active_.erase(active.id);
  for (const Choice& choice : active.choices) runs_.erase(choice.run);
  for (const Choice& choice : active.choices) engine_.Cancel(choice.run);
}

// The client's last word. Where there is no memory even for that, the exchange goes, and the
// connection with it.
void Generations::TellFailed(Active& active, const Error& error) noexcept {
  (void)Caught([&] { active.sink->Failed(FromRun(error)); });
  active.gone = true;
  active.sink.reset();
  active.exchange.reset();
}

ApiStatus Generations::StartRuns(Active& active) {
  Generation& generation = active.generation;
  for (RunRequest& run : generation.runs) {
    if (generation.one_call) run.engine.stop.always = chat::CallEnd(model_.dialect());
    active.ended.max_tokens = run.engine.stop.max_tokens.value_or(0);
    active.prompt_tokens = std::max(active.prompt_tokens, run.engine.tokens.size());
    const chat::StreamOptions options{.thinking = run.reasons, .tools = generation.tools};
    active.choices.push_back({.run = 0,
                              .parser = chat::StreamParser(model_.dialect(), options),
                              .answer = {.index = active.choices.size(), .prompt = run.prompt},
                              .reasoning = run.reasons});
    if (limits_.prefixes_by_key) run.engine.prefix_scope = generation.scope;
    auto added = engine_.Add(std::move(run));
    if (!added.ok()) {
      active.choices.pop_back();
      return FromError(added.error());
    }
    active.choices.back().run = *added;
    runs_[*added] = {&active, active.choices.size() - 1};
  }
  return Unit{};
}

void Generations::TakeEvents() {
  for (RunEvent& event : engine_.TakeEvents()) {
    const auto found = runs_.find(event.run);
    if (found == runs_.end()) continue;
    const ActivePtr active = active_.at(found->second.first->id);  // Finish takes it from the map
    const std::size_t choice = found->second.second;
    if (event.kind == RunEvent::Kind::kEnd) runs_.erase(found);
    try {
      Handle(*active, active->choices[choice], std::move(event));
    } catch (...) {
      Break(*active, CaughtError());
    }
  }
}

// A generation for which something could not be had: its client is told, its runs end.
void Generations::Break(Active& active, const Error& error) noexcept {
  (void)Caught([&] { spdlog::error("generation id={} what=\"{}\"", active.id, error.what); });
  if (!active.gone) TellFailed(active, error);
  // What cannot be cancelled for want of memory is cancelled a second later (Tick).
  (void)Caught([&] {
    for (const Choice& choice : active.choices)
      if (!choice.ended) engine_.Cancel(choice.run);
  });
  if (std::ranges::all_of(active.choices, &Choice::ended)) active_.erase(active.id);
}

void Generations::Handle(Active& active, Choice& choice, RunEvent event) {
  choice.begun = true;
  switch (event.kind) {
    case RunEvent::Kind::kPrompt:
      choice.read = event.done;
      if (!active.gone && choice.answer.index == 0) {
        active.sink->Progress(event.done, event.total, active.clock.seconds());
        active.quiet = {};
      }
      return;
    case RunEvent::Kind::kToken:
      return OnToken(active, choice, std::move(event.token));
    case RunEvent::Kind::kEnd:
      return OnEnd(active, choice, std::move(event.end));
  }
}

AnswerDelta Generations::Read(const Active& active, Choice& choice,
                              const std::vector<Event>& events) {
  AnswerDelta delta{.index = choice.answer.index};
  for (const Event& event : events) {
    if (event.kind == Event::Kind::kWarning) {
      spdlog::info("answer id={} what=\"{}\"", active.id, event.text);
      continue;
    }
    Piece piece{.kind = PieceKind(event.kind), .text = event.text, .call = event.call};
    if (piece.kind == Piece::Kind::kCallBegin) piece.call_id = NewId("call_");
    Keep(piece, &choice.answer);
    delta.pieces.push_back(std::move(piece));
  }
  return delta;
}

void Generations::OnToken(Active& active, Choice& choice, RunToken token) {
  if (choice.generated++ == 0) {
    if (active.ended.first_token_seconds == 0)
      active.ended.first_token_seconds = active.clock.seconds();
  } else if (active.ended.token_gaps.size() < kMostGaps) {
    active.ended.token_gaps.push_back(choice.since_token.seconds());
  }
  choice.since_token = {};
  choice.reasoning = token.reasoning;
  if (active.gone) return;
  AnswerDelta delta{.index = choice.answer.index};
  if (active.generation.chat) {
    delta = Read(active, choice, choice.parser.Push(token.text));
  } else if (!token.text.empty()) {
    choice.answer.content += token.text;
    delta.pieces.push_back({.text = token.text});
  }
  const TokensGo go = active.generation.tokens;
  if (go != TokensGo::kNowhere && !token.ends) {
    delta.tokens.push_back({token.id, token.reasoning, std::move(token.logprobs)});
    if (go == TokensGo::kIntoAnswer) choice.answer.tokens.push_back(delta.tokens.back());
  }
  Tell(active, delta);
}

void Generations::Tell(Active& active, const AnswerDelta& delta) {
  if (delta.pieces.empty() && delta.tokens.empty()) return;
  active.sink->Delta(delta);
  active.quiet = {};
  if (active.paused || active.exchange->unsent() <= limits_.pause_bytes) return;
  active.paused = true;
  ++active.ended.pauses;
  for (const Choice& choice : active.choices)
    if (!choice.ended) engine_.Pause(choice.run);
}

// A run that has been stopped where its first call ends gets, as a text, the end that the model
// would have given it; as tokens too, if the last of them did not begin something else.
void Generations::CompleteCall(RunEnd* end) const {
  const chat::Dialect& dialect = model_.dialect();
  const std::string call_end = chat::CallEnd(dialect);
  if (end->stop_text != call_end) return;
  const std::string rest = "\n" + chat::CallsEnd(dialect);
  end->text += call_end + rest;
  end->stop_text.clear();
  const text::Tokenizer& tokenizer = model_.files().tokenizer;
  if (!tokenizer.Decode(end->tokens).ends_with(call_end)) return;
  for (const std::int32_t token : tokenizer.Encode(rest)) end->tokens.push_back(token);
  end->reason = FinishReason::kEos;
}

void Generations::OnEnd(Active& active, Choice& choice, RunEnd end) {
  choice.ended = true;
  if (active.generation.one_call) CompleteCall(&end);
  choice.reasoning = false;
  if (!active.gone && EndsWell(end)) {
    AnswerDelta delta{.index = choice.answer.index};
    if (active.generation.chat) {
      delta = Read(active, choice, choice.parser.Push(end.text));
      const bool ended = end.reason != FinishReason::kMaxTokens && end.stop_text.empty();
      const bool cut = !ended && choice.parser.inside_calls();
      std::vector<Event> last = choice.parser.Finish();
      // The beginning of a tag that would have come is no text.
      if (cut)
        std::erase_if(last, [](const Event& event) {
          return event.kind == Event::Kind::kContent || event.kind == Event::Kind::kReasoning;
        });
      const AnswerDelta rest = Read(active, choice, last);
      delta.pieces.insert(delta.pieces.end(), rest.pieces.begin(), rest.pieces.end());
    } else if (!end.text.empty()) {
      choice.answer.content += end.text;
      delta.pieces.push_back({.text = end.text});
    }
    Tell(active, delta);
  }
  choice.answer.end = std::move(end);
  choice.answer.finish = FinishOf(choice.answer);
  if (!active.gone && EndsWell(choice.answer.end)) active.sink->Done(choice.answer);
  if (std::ranges::all_of(active.choices, &Choice::ended)) Finish(active);
}

void Generations::Finish(Active& active) {
  active_.erase(active.id);  // the caller holds it
  EndedGeneration& ended = active.ended;
  ended.seconds = active.clock.seconds();
  ended.cancelled = active.gone;
  for (Choice& choice : active.choices) {
    const RunEnd& end = choice.answer.end;
    if (end.reason == FinishReason::kFailed) ended.failed = true;
    if (end.reason == FinishReason::kCancelled) ended.cancelled = true;
    ended.answers.push_back(std::move(choice.answer));
  }
  seconds_each_ += 0.1 * (ended.seconds - seconds_each_);
  // Before the client knows: its next request is to find what is remembered.
  const Status remembered = Caught([&] { on_ended_(ended); });
  if (!remembered.ok())
    spdlog::error("ended id={} what=\"{}\"", active.id, remembered.error().what);
  if (!active.gone) {
    if (ended.failed) {
      for (const Answer& answer : ended.answers)
        if (answer.end.error) {
          active.sink->Failed(FromRun(*answer.end.error));
          break;
        }
    } else if (ended.cancelled) {
      active.sink->Failed(ApiError{.status = 503, .message = "the server is stopping"});
    } else {
      active.sink->Finished(ended.answers);
    }
  }
}

void Generations::Gone(const std::string& id) {
  const auto found = active_.find(id);
  if (found == active_.end()) return;
  found->second->gone = true;
  for (const Choice& choice : found->second->choices)
    if (!choice.ended) engine_.Cancel(choice.run);
}

void Generations::Drained(const std::string& id) {
  const auto found = active_.find(id);
  if (found == active_.end() || !found->second->paused) return;
  found->second->paused = false;
  for (const Choice& choice : found->second->choices)
    if (!choice.ended) engine_.Resume(choice.run);
}

void Generations::Tick() {
  TakeEvents();  // of which nobody could be told
  for (const auto& [id, active] : active_) {
    for (const Choice& choice : active->choices)
      if (active->gone && !choice.ended) engine_.Cancel(choice.run);  // if it could not be
    if (active->gone || active->quiet.seconds() < limits_.keep_alive_seconds) continue;
    active->sink->Alive();
    active->quiet = {};
  }
}

ApiStatus Generations::CloseReasoning(const std::string& id, std::uint64_t scope) {
  const auto found = active_.find(id);
  if (found == active_.end() || found->second->generation.scope != scope)
    return ApiError{.status = 404, .message = "no such request is under way: " + id, .param = "id"};
  bool closed = false;
  for (const Choice& choice : found->second->choices)
    if (choice.reasoning) closed = engine_.CloseReasoning(choice.run) || closed;
  if (!closed) return ApiError{.status = 400, .message = "the request does not reason now"};
  return Unit{};
}

void Generations::CancelAll() {
  for (const auto& [id, active] : active_)
    for (const Choice& choice : active->choices)
      if (!choice.ended) engine_.Cancel(choice.run);
}

std::vector<GenerationView> Generations::Views() const {
  std::vector<GenerationView> views;
  for (const auto& [id, active] : active_) {
    GenerationView view{.id = id,
                        .api = active->generation.api,
                        .prompt_tokens = active->prompt_tokens,
                        .choices = active->choices.size(),
                        .seconds = active->clock.seconds()};
    for (const Choice& choice : active->choices) {
      view.read_tokens = std::max(view.read_tokens, choice.read);
      view.generated_tokens += choice.generated;
      if (choice.generated > 0) view.read_tokens = active->prompt_tokens;
      if (choice.generated > 0) view.state = choice.reasoning ? "reasoning" : "answering";
      if (!choice.ended)
        ++(active->paused ? view.paused : choice.begun ? view.running : view.waiting);
    }
    if (view.generated_tokens == 0 && view.running > 0) view.state = "reading";
    if (active->paused) view.state = "paused";
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace hadal::server
