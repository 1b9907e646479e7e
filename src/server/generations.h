// The generations that are under way: starts their runs, reads the engine's events, tells the
// sinks.
//
// A generation is refused if too many wait, or if the answers might come to too much memory (429;
// by itself: 400). A client that does not take its answer has its runs paused, one that goes has
// them cancelled. Whatever throws, as what finds no memory does, ends one generation with an error.
// Belongs to the loop's thread, but for Submit.
#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "chat/stream_parser.h"
#include "server/answer.h"
#include "server/engine_thread.h"
#include "server/generation.h"
#include "server/http.h"
#include "server/loop.h"
#include "server/served_model.h"

namespace hadal::server {

struct GenerationLimits {
  std::size_t parallel = 8;                          // that run at once: as the engine's
  std::size_t queue = 64;                            // that wait besides
  std::size_t per_key = 0;                           // of one key, running or waiting; 0: no limit
  std::size_t pause_bytes = std::size_t{256} << 10;  // that a client has not taken
  double keep_alive_seconds = 10;
  bool prefixes_by_key = false;  // a key's requests go on from states of its own requests alone
  std::uint64_t answer_bytes = std::uint64_t{64} << 20;  // of all answers (answer_bytes.h)
};

// A generation that has ended, for metrics and logs.
struct EndedGeneration {
  std::string id, api, request_id;
  std::uint64_t owner = 0;  // of its calls
  bool reasons = false;
  std::vector<Answer> answers;
  bool failed = false, cancelled = false;
  std::size_t max_tokens = 0;                   // of each
  std::size_t pauses = 0;                       // because the client did not take its answer
  double seconds = 0, first_token_seconds = 0;  // 0: there was none
  std::vector<double> token_gaps;               // seconds between tokens of one choice
};

// One under way, for people.
struct GenerationView {
  std::string id, api;
  const char* state = "waiting";  // "reading", "reasoning", "answering", "paused"
  std::size_t prompt_tokens = 0, read_tokens = 0, generated_tokens = 0, choices = 0;
  std::size_t running = 0, waiting = 0, paused = 0;  // of the choices; the others have ended
  double seconds = 0;
};

class Generations {
 public:
  Generations(Loop& loop, EngineThread& engine, const ServedModel& model, GenerationLimits limits,
              std::function<void(const EndedGeneration&)> on_ended);

  // Any thread. What is refused goes to the sink as Failed.
  void Submit(Generation generation, std::unique_ptr<AnswerSink> sink, ExchangePtr exchange);

  void TakeEvents();  // the engine has some
  void Tick();        // every second
  // Ends the reasoning of a generation of this key that is under way. 404 (another key's too), 400.
  ApiStatus CloseReasoning(const std::string& id, std::uint64_t scope);
  void CancelAll();

  std::size_t size() const { return active_.size(); }
  std::uint64_t answer_bytes() const { return limits_.answer_bytes; }  // any thread
  std::vector<GenerationView> Views() const;

 private:
  struct Choice {
    RunId run = 0;
    chat::StreamParser parser;
    Answer answer;
    std::size_t read = 0, generated = 0;
    bool begun = false, reasoning = false, ended = false;  // begun: it waits no more
    Stopwatch since_token = {};
  };
  struct Active {
    std::string id;
    Generation generation;
    std::unique_ptr<AnswerSink> sink;
    ExchangePtr exchange;
    std::vector<Choice> choices;
    std::size_t prompt_tokens = 0;
    std::uint64_t answer_bytes = 0;
    Stopwatch clock, quiet;
    bool paused = false, gone = false;
    EndedGeneration ended;
  };
  using ActivePtr = std::shared_ptr<Active>;

  void Begin(Generation generation, std::unique_ptr<AnswerSink> sink, ExchangePtr exchange);
  ApiStatus CheckRoom(const Generation& generation) const;
  ApiStatus CheckAnswerBytes(const Generation& generation) const;
  ApiStatus StartRuns(Active& active);
  void DropRuns(const Active& active);
  void TellFailed(Active& active, const Error& error) noexcept;
  void Break(Active& active, const Error& error) noexcept;
  void Handle(Active& active, Choice& choice, RunEvent event);
  void OnToken(Active& active, Choice& choice, RunToken token);
  void OnEnd(Active& active, Choice& choice, RunEnd end);
  void CompleteCall(RunEnd* end) const;
  AnswerDelta Read(const Active& active, Choice& choice,
                   const std::vector<chat::StreamEvent>& events);
  void Tell(Active& active, const AnswerDelta& delta);
  void Finish(Active& active);
  void Gone(const std::string& id);
  void Drained(const std::string& id);

  Loop& loop_;
  EngineThread& engine_;
  const ServedModel& model_;
  const GenerationLimits limits_;
  std::function<void(const EndedGeneration&)> on_ended_;
  std::map<std::string, ActivePtr> active_;
  std::map<RunId, std::pair<Active*, std::size_t>> runs_;
  double seconds_each_ = 1;  // an average of how long a generation took
};

}  // namespace hadal::server
