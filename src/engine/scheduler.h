// Steps any number of requests through one model.
//
//   auto scheduler = Scheduler::Create(model, threads, options);
//   scheduler->Add(std::move(request));       // from any thread
//   while (serving) scheduler->Step();        // from one thread; callbacks come from here
//
// A step is one forward pass: a row of every request that decodes, and pieces of the prompts that
// are being read, as many rows as fit into the step's predicted time (engine/row_costs.h), shared
// equally. Requests join and leave between steps. Whoever shares a step changes nothing: a
// request's text is, bit for bit, its text alone, because logits depend on the sequence alone and
// draws on (seed, choice, position). Nor does it depend on guesses (engine/speculation.h), which
// only let a pass give several tokens.
//
// Memory for the whole of a request, prompt and token limit, is promised before it is admitted.
// Until then it waits, in the order of arrival, so that a large one is not passed over for ever; it
// is refused if it could never fit. What others hold of the pool (states that ended requests handed
// over) counts too; what is kept of prefixes (engine/prefixes.h), and experts on loan there, give
// way. A request that brings a
// state ran before and goes first; and if nothing runs, and the first does not fit, the next that
// brings a state and fits: the one that was admitted last always does, so never do all wait for
// each other's memory. A request whose state is read from disk has been admitted, and takes part in
// no pass until it has it.
//
// A request that is alone reads its prompt in long passes, which read the weights for more rows. A
// cancel ends such a pass between two layers. So does another request that arrives: the pass is
// dropped, and its rows are read again in short ones, beside the newcomer. When the request is
// alone again, a pass may take as long as those since then together: so at least half of its time
// counts, however often others come.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "cache/disk_prefixes.h"
#include "cache/pool.h"
#include "engine/active_request.h"
#include "engine/expert_memory.h"
#include "engine/finite_watch.h"
#include "engine/prefixes.h"
#include "engine/request.h"
#include "engine/row_costs.h"
#include "engine/speculation.h"
#include "model/forward.h"
#include "tensor/buffer.h"
#include "text/tokenizer.h"

namespace hadal::engine {

struct SchedulerOptions {
  const text::Tokenizer* tokenizer = nullptr;  // outlives the scheduler; null: tokens without text
  std::vector<std::int32_t> eos_ids = {};  // what ends a text of this model (engine/model_files.h)
  std::size_t max_rows = 256;              // of a pass: speed against scratch
  std::size_t max_running = 64;            // requests; never more than max_rows
  // What a pass may take, by prediction, while several requests run: the time between two tokens of
  // a text, in which also a cancel acts.
  double step_seconds = 0.25;
  // The same of a request that is alone and can be interrupted between layers: so that each of them
  // ends in this time.
  double layer_seconds = 0.25;
  // For the states of all requests, and what is left over for prefixes.
  std::uint64_t state_bytes = cache::Pool::kUnlimited;
  bool keep_prefixes = false;  // states of texts, for texts that begin like them
  std::shared_ptr<cache::DiskPrefixes> disk = {};  // they outlive the run there; null: they do not
  bool full_windows = false;                       // there, of all states (engine/prefixes.h)
  const std::atomic<bool>* interrupt = nullptr;    // set: the pass of a lone request is dropped
  // Of a model whose experts stay on disk. A prompt that is read alone then takes max_rows a pass,
  // whatever the time: each pass reads every expert. Once such a pass made room for others, the
  // next comes when shorter ones have taken as long as that one had. What is on loan to experts is
  // of state_bytes.
  ExpertMemoryOptions experts = {};
  SpeculateOptions speculate = {};
};

struct StepReport {
  std::size_t decode_rows = 0, prompt_rows = 0;  // computed, guesses left out
  DraftCounts drafts = {};
  std::size_t running = 0, waiting = 0;       // requests, after the step
  std::uint64_t state_bytes = 0;              // of those that run; what they share, for each
  double seconds = 0, predicted_seconds = 0;  // of the pass
};

class Scheduler {
 public:
  // Model and threads outlive it. kInvalid: an option out of range. kExhausted: no memory for the
  // scratch.
  static Result<std::unique_ptr<Scheduler>> Create(const model::Model& model, Threads& threads,
                                                   const SchedulerOptions& options);

  // Any thread. kInvalid as CheckRequest; kExhausted: it could never fit, with figures. A refused
  // request's on_end is not called.
  Result<RequestId> Add(Request request);
  void Cancel(RequestId id);  // any thread; unknown or ended: nothing happens

  // One thread. Does nothing if there is nothing to do; waits for a moment if only the disk, or
  // memory that it has, is waited for.
  StepReport Step();
  // The stepping thread, after something threw out of a step, as what finds no memory does: all
  // requests are gone, without a word to them, and so is what was kept of prefixes.
  void DropAll() noexcept;
  // The stepping thread: until there is something to step, or the time is over.
  bool WaitForWork(std::chrono::milliseconds longest);

  std::size_t scratch_bytes() const { return forward_.scratch_bytes(); }
  const std::shared_ptr<cache::Pool>& pool() const { return pool_; }
  std::optional<model::DiskExpertFigures> expert_figures() const { return experts_.figures(); }
  cache::PrefixFigures prefix_figures() const { return prefixes_.figures(); }  // stepping thread
  std::optional<cache::DiskFigures> disk_figures() const { return prefixes_.disk_figures(); }

 private:
  using Active = std::unique_ptr<ActiveRequest>;
  struct Turn {
    ActiveRequest* request;
    std::size_t rows;
    std::size_t guesses = 0;  // behind them
    std::size_t first_row = 0;
    bool reads = false;  // its prompt
    std::size_t last_row() const { return first_row + rows - 1; }
  };
  struct DrawRow {
    const Turn* turn;
    std::size_t guess;  // behind so many guesses
    std::size_t row() const { return turn->last_row() + guess; }
  };

  Scheduler(const model::Model& model, ExpertMemory experts, model::Forward forward,
            const SchedulerOptions& options);
  std::uint64_t NeededBytes(const Request& request) const;
  std::uint64_t FreeBytes() const;
  void TakeInbox();
  void Enqueue(Active request);
  void AdmitWaiting();
  bool Admit(std::size_t waiting);  // false: there is no room for it
  void Begin(ActiveRequest& request);
  void BeginRestored();
  bool alone() const { return running_.size() == 1 && waiting_.empty(); }
  std::vector<Turn> PlanTurns(StepRows* rows);
  void AllotGuesses(std::vector<Turn>* decoding, std::size_t others);
  std::vector<model::Chunk> TakeChunks(std::vector<Turn>* turns);
  Status RunPass(const std::vector<Turn>& turns, const std::vector<model::Chunk>& chunks,
                 double predicted);
  Status RunInterruptible(const Turn& turn, const std::vector<model::Chunk>& chunks,
                          double predicted);
  void AdvanceAll(const std::vector<Turn>& turns);
  void DrawAll(std::span<const DrawRow> rows);
  bool DrawOne(const DrawRow& row, std::span<const float> logits);
  bool IsCancelled(RequestId id);
  DraftCounts Speculate(const std::vector<Turn>& turns);
  void RemoveEnded();

  const model::Model& model_;
  const SchedulerOptions options_;
  ExpertMemory experts_;  // of forward_
  model::Forward forward_;
  std::shared_ptr<cache::Pool> pool_;
  std::optional<ExpertLoan> loan_;
  Prefixes prefixes_;
  Buffer<float> logits_;     // [kLogitRows, vocab]
  Buffer<std::byte> fixed_;  // a fixed block as it was before a pass that may be dropped
  FiniteWatch watch_;
  SampleScratch scratch_;
  RowCosts costs_;
  Speculation speculation_;

  std::deque<Active> waiting_;   // the stepping thread's
  std::vector<Active> running_;  // likewise
  std::uint64_t promised_ = 0;   // bytes, of running_
  std::size_t turn_ = 0;         // who reads first
  double lone_seconds_;          // what a pass of a request that is alone may take, now
  double dropped_seconds_ = 0;   // of the last pass that made room for a newcomer

  std::mutex mutex_;  // of the following; never held while computing or calling back
  std::condition_variable arrived_;
  std::vector<Active> added_;
  std::vector<RequestId> cancelled_;
  RequestId last_id_ = 0;
  RequestId interruptible_ = 0;  // whose pass is dropped if it is cancelled; 0: nobody's
  std::atomic<bool> drop_pass_{false}, arrival_{false};
};

}  // namespace hadal::engine
