// The thread that computes: it steps the scheduler and writes down what happens. The server's loop
// starts, stops and pauses runs and takes the events; neither waits for the other, and no lock is
// held while anything is computed. What throws, as what finds no memory does, ends the runs that
// are under way with an error, and no more.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "engine/disk_cache.h"
#include "engine/footprint.h"
#include "engine/scheduler.h"
#include "server/histogram.h"
#include "server/run.h"
#include "server/served_model.h"

namespace hadal::server {

struct EngineOptions {
  std::size_t parallel = 8;  // requests that run at once, each with a whole context
  std::size_t threads = 1;
  std::optional<std::uint64_t> ram_bytes = {};
  std::string experts_profile = {};  // engine/expert_memory.h
  std::size_t chunk_rows = 256;      // of a pass
  double step_seconds = 0.25;        // engine/scheduler.h
  bool keep_prefixes = true;         // engine/prefixes.h
  // For them, besides what requests leave; absent: as much as two of the longest requests.
  std::optional<std::uint64_t> prefix_bytes = {};
  engine::DiskCacheOptions disk = {};  // where they outlive the run
  bool full_windows = false;           // engine/prefixes.h
  std::uint64_t beside_bytes = 0;      // of memory that the server keeps besides, for the plan
  engine::SpeculateOptions speculate = {};
};

// What the thread has done since it began; rates are differences of two of these.
struct EngineFigures {
  std::uint64_t steps = 0, decode_tokens = 0, prompt_tokens = 0;
  std::uint64_t generated_tokens = 0;
  double busy_seconds = 0, decode_seconds = 0, prompt_seconds = 0;  // of passes with such rows
  std::uint64_t state_bytes = 0;                                    // of those that run
  cache::PrefixFigures prefixes = {};
  std::optional<cache::DiskFigures> disk = {};  // of prefixes; none: they do not outlive the run
  std::optional<model::DiskExpertFigures> experts = {};  // none: they are mapped
  engine::DraftCounts drafts = {};
  Histogram step_tokens{TokenBounds()};  // rows of a pass
};

class EngineThread {
 public:
  // `wake` is called from the thread when there are events to take. kExhausted: no memory, with the
  // table. The note, if there is one, is a line for the user (engine/footprint.h).
  static Result<std::unique_ptr<EngineThread>> Start(const ServedModel& served,
                                                     const EngineOptions& options,
                                                     std::function<void()> wake, std::string* note);
  ~EngineThread();  // stops after the pass; what runs is cancelled

  // Any thread. kInvalid, kExhausted as Scheduler::Add; then there are no events.
  Result<RunId> Add(RunRequest request);
  // Any thread; unknown or ended: nothing happens.
  void Cancel(RunId id);
  void Pause(RunId id);  // after the pass; no token comes until Resume
  void Resume(RunId id);
  bool CloseReasoning(RunId id);  // false: it does not reason now

  // What it throws for want of memory it does not lose.
  std::vector<RunEvent> TakeEvents();
  EngineFigures figures() const;
  const engine::Footprint& footprint() const { return footprint_; }
  std::uint64_t state_bytes() const { return scheduler_->pool()->used_bytes(); }
  std::uint64_t state_limit() const { return footprint_.state(); }

 private:
  // What is to become of a run whose request is cancelled.
  enum class Want { kGo, kCancel, kPause, kClose };
  struct Run {
    RunId id = 0;
    engine::RequestId request = 0;
    RunRequest plan;  // its engine part is what a later request begins with, without tokens
    Want want = Want::kGo;
    bool given_up = false;  // it has ended with failure_, and nobody has been told yet
    std::optional<engine::Outcome> held = {};  // while it is paused
    // The stepping thread's.
    std::size_t told = 0, skip = 0, reasoning_tokens = 0;
    bool reasons = false;
    ReasoningEnd reasoning_end = ReasoningEnd::kNone;
    double queue_seconds = 0, prefill_seconds = 0, decode_seconds = 0;
    bool fresh = true;            // its request has no earlier text
    std::size_t read_tokens = 0;  // of the prompt
    cache::PrefixUse prefix = {};
  };
  using RunPtr = std::shared_ptr<Run>;

  EngineThread(const ServedModel& model, const EngineOptions& options, std::function<void()> wake);
  void Loop() noexcept;
  void Turn();
  void GiveUp(Error error) noexcept;
  template <class F>
  void OrGiveUp(const RunPtr& run, F&& f);
  engine::Request WithCallbacks(const RunPtr& run, engine::Request request);
  void OnToken(const RunPtr& run, const engine::TokenEvent& event);
  void OnEnd(const RunPtr& run, engine::Outcome outcome);
  void GoOn(const RunPtr& run, engine::Outcome outcome, bool close_reasoning);
  void Finish(const RunPtr& run, engine::Outcome outcome);
  void Emit(RunEvent event);
  RunEvent GivenUp(const Run& run) const;
  RunPtr FindRun(RunId id);

  const ServedModel& model_;
  const EngineOptions options_;
  std::function<void()> wake_;
  engine::Footprint footprint_;
  std::unique_ptr<Threads> threads_;
  std::unique_ptr<engine::Scheduler> scheduler_;
  std::vector<std::int32_t> eos_ids_;

  mutable std::mutex mutex_;  // of what follows; never held while computing
  std::map<RunId, RunPtr> runs_;
  std::vector<RunEvent> events_;
  Error failure_{Code::kExhausted, {}};  // what ended those that were given up last
  bool woken_ = false;
  RunId last_id_ = 0;
  EngineFigures figures_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace hadal::server
