#include "server/engine_thread.h"

#include <algorithm>
#include <utility>

#include "base/exceptions.h"
#include "base/log.h"
#include "cost/engine_memory.h"

namespace hadal::server {
namespace {

using engine::FinishReason;
using engine::Outcome;
using engine::Request;

constexpr std::chrono::milliseconds kIdle{100};
// Requests wait and none can be admitted: memory is held by runs that are paused.
constexpr std::chrono::milliseconds kStalled{5};
// After an exception, which may come again at once.
constexpr std::chrono::milliseconds kBreath{20};

// States that are kept share the memory of requests, which they leave when it is wanted; these are
// theirs, so that a request that may grow to the whole context does not leave them without.
constexpr std::uint64_t kPrefixContexts = 2;
// What is written to disk must be kept until it is: states of a prompt's end and of a text's, whose
// pages are their requests'.
constexpr std::uint64_t kWrittenStates = 2;

std::uint64_t PrefixBytes(const EngineOptions& options, const arch::Config& config,
                          const arch::KvLayout& layout, std::uint64_t context) {
  if (!options.keep_prefixes) return 0;
  const std::uint64_t bytes = options.prefix_bytes.value_or(
      kPrefixContexts * cost::AllocatedState(config, layout, context).total());
  const std::uint64_t written = kWrittenStates * (layout.fixed_bytes + layout.page_bytes);
  return options.disk.folder.empty() ? bytes : std::max(bytes, written);
}

bool Holds(const std::vector<std::int32_t>& ids, std::int32_t id) {
  return std::ranges::find(ids, id) != ids.end();
}

}  // namespace

EngineThread::EngineThread(const ServedModel& model, const EngineOptions& options,
                           std::function<void()> wake)
    : model_(model), options_(options), wake_(std::move(wake)), eos_ids_(model.files().eos_ids) {}

Result<std::unique_ptr<EngineThread>> EngineThread::Start(const ServedModel& served,
                                                          const EngineOptions& options,
                                                          std::function<void()> wake,
                                                          std::string* note) {
  auto engine = std::unique_ptr<EngineThread>(new EngineThread(served, options, std::move(wake)));
  const engine::ModelFiles& files = served.files();
  engine->threads_ = std::make_unique<Threads>(options.threads);
  const arch::KvLayout layout(files.model.config, arch::Numerics::Stored());
  HADAL_TRY(engine::MemoryPlan plan,
            engine::PlanMemory(
                files.model, layout,
                {.tokens = served.context(),
                 .sequences = options.parallel,
                 .chunk_tokens = std::max(options.parallel, options.chunk_rows),
                 .threads = engine->threads_->count(),
                 .prefix_bytes = PrefixBytes(options, files.model.config, layout, served.context()),
                 .beside_bytes = options.beside_bytes},
                engine::kMostStreamedRows, options.ram_bytes));
  HADAL_TRY(const std::shared_ptr<cache::DiskPrefixes> disk,
            engine::OpenDiskCache(files.model, served.id(), options.disk));
  engine->footprint_ = plan.footprint;
  *note = std::move(plan.note);
  const engine::SchedulerOptions scheduler{.tokenizer = &files.tokenizer,
                                           .eos_ids = files.eos_ids,
                                           .max_rows = plan.rows,
                                           .max_running = options.parallel,
                                           .step_seconds = options.step_seconds,
                                           .state_bytes = engine->footprint_.state(),
                                           .keep_prefixes = options.keep_prefixes,
                                           .disk = disk,
                                           .full_windows = options.full_windows,
                                           .interrupt = &engine->stop_,
                                           .experts = {.bytes = plan.expert_bytes,
                                                       .loan_bytes = plan.loan_bytes,
                                                       .profile = options.experts_profile},
                                           .speculate = options.speculate};
  HADAL_TRY(engine->scheduler_,
            engine::Scheduler::Create(files.model, *engine->threads_, scheduler));
  engine->thread_ = std::thread([engine = engine.get()] { engine->Loop(); });
  return engine;
}

EngineThread::~EngineThread() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void EngineThread::Loop() noexcept {
  while (!stop_) {
    try {
      Turn();
    } catch (...) {
      GiveUp(CaughtError());
    }
  }
}

void EngineThread::Turn() {
  if (!scheduler_->WaitForWork(kIdle)) {
    const std::lock_guard lock(mutex_);
    figures_.state_bytes = 0;
    figures_.disk = scheduler_->disk_figures();  // states are written behind the last step
    return;
  }
  const engine::StepReport report = scheduler_->Step();
  {
    const std::lock_guard lock(mutex_);
    ++figures_.steps;
    figures_.decode_tokens += report.decode_rows + report.drafts.accepted;
    figures_.drafts += report.drafts;
    figures_.prompt_tokens += report.prompt_rows;
    figures_.busy_seconds += report.seconds;
    if (report.decode_rows > 0) figures_.decode_seconds += report.seconds;
    if (report.prompt_rows > 0) figures_.prompt_seconds += report.seconds;
    if (report.decode_rows + report.prompt_rows > 0)
      figures_.step_tokens.Add(static_cast<double>(report.decode_rows + report.prompt_rows));
    figures_.state_bytes = report.state_bytes;
    figures_.prefixes = scheduler_->prefix_figures();
    figures_.experts = scheduler_->expert_figures();
    figures_.disk = scheduler_->disk_figures();
  }
  if (report.running == 0 && report.waiting > 0) std::this_thread::sleep_for(kStalled);
}

// Takes no memory: whoever is to be told is marked, and TakeEvents makes the events. Runs that are
// paused are not the scheduler's, and stay.
void EngineThread::GiveUp(Error error) noexcept {
  (void)Caught([&] { spdlog::error("engine what=\"{}\"", error.what); });
  {
    const std::lock_guard lock(mutex_);
    scheduler_->DropAll();
    failure_ = std::move(error);
    for (const auto& [id, run] : runs_)
      if (!run->held) run->given_up = true;
    woken_ = true;
  }
  (void)Caught([this] { wake_(); });  // if not, somebody looks every second
  std::this_thread::sleep_for(kBreath);
}

Result<RunId> EngineThread::Add(RunRequest request) {
  const auto run = std::make_shared<Run>();
  Request first = std::move(request.engine);
  run->reasons = request.reasons;
  run->plan = std::move(request);
  run->plan.engine.sample = first.sample;
  run->plan.engine.stop = first.stop;
  run->plan.engine.stop.max_tokens = engine::TokenLimit(first, model_.files().model.config);
  run->plan.engine.constraint = first.constraint;
  run->plan.engine.logprobs = first.logprobs;
  run->plan.engine.prefix_scope = first.prefix_scope;
  // Held from before the request is known to the stepping thread until its id is known here.
  const std::lock_guard lock(mutex_);
  run->id = ++last_id_;
  const auto known = runs_.emplace(run->id, run).first;
  const Status tried = Caught([&]() -> Status {
    HADAL_TRY(run->request, scheduler_->Add(WithCallbacks(run, std::move(first))));
    return Unit{};
  });
  if (tried.ok()) return run->id;
  runs_.erase(known);
  return tried.error();
}

Request EngineThread::WithCallbacks(const RunPtr& run, Request request) {
  request.on_prompt = [this, run](std::size_t done, std::size_t total) {
    if (run->told > 0) return;
    Emit({.run = run->id, .kind = RunEvent::Kind::kPrompt, .done = done, .total = total});
  };
  request.on_token = [this, run](const engine::TokenEvent& event) { OnToken(run, event); };
  request.on_end = [this, run](Outcome outcome) { OnEnd(run, std::move(outcome)); };
  return request;
}

void EngineThread::OnToken(const RunPtr& run, const engine::TokenEvent& event) {
  if (run->skip > 0) {
    --run->skip;  // of an earlier request, told already
    return;
  }
  ++run->told;
  RunEvent out{.run = run->id, .kind = RunEvent::Kind::kToken};
  out.token = {.id = event.id, .text = std::string(event.text)};
  const engine::StopOptions& stop = run->plan.engine.stop;
  out.token.ends =
      Holds(stop.token_ids, event.id) || (!stop.ignore_eos && Holds(eos_ids_, event.id));
  if (event.logprobs != nullptr) out.token.logprobs = *event.logprobs;
  if (run->reasons && !out.token.ends) {
    out.token.reasoning = true;
    if (event.id == run->plan.think_end) {
      run->reasons = false;
      if (run->reasoning_end == ReasoningEnd::kNone) run->reasoning_end = ReasoningEnd::kModel;
    } else if (++run->reasoning_tokens; run->plan.reasoning_budget &&
                                        run->reasoning_tokens >= *run->plan.reasoning_budget &&
                                        run->reasoning_end == ReasoningEnd::kNone) {
      run->reasoning_end = ReasoningEnd::kBudget;
      const std::lock_guard lock(mutex_);
      if (run->want == Want::kGo) {
        run->want = Want::kClose;
        scheduler_->Cancel(run->request);
      }
    }
  }
  Emit(std::move(out));
}

void EngineThread::OnEnd(const RunPtr& run, Outcome outcome) {
  run->queue_seconds += outcome.queue_seconds;
  run->prefill_seconds += outcome.prefill_seconds;
  run->decode_seconds += outcome.decode_seconds;
  if (run->fresh) run->read_tokens += outcome.read_tokens;
  if (outcome.prefix.asked) run->prefix = outcome.prefix;
  Want want = Want::kCancel;
  {
    const std::lock_guard lock(mutex_);
    if (outcome.reason == FinishReason::kCancelled) want = std::exchange(run->want, Want::kGo);
    if (want == Want::kPause) {
      run->held = std::move(outcome);
      return;
    }
  }
  if (want == Want::kCancel) return Finish(run, std::move(outcome));
  GoOn(run, std::move(outcome), want == Want::kClose && run->reasons);
}

void EngineThread::GoOn(const RunPtr& run, Outcome outcome, bool close_reasoning) {
  const std::size_t limit = *run->plan.engine.stop.max_tokens;
  Request next = run->plan.engine;
  next.tokens = std::move(outcome.tokens);
  next.generated = next.tokens.size() - outcome.prompt_tokens;
  run->skip = next.generated;
  if (close_reasoning) {
    if (run->reasoning_end == ReasoningEnd::kNone) run->reasoning_end = ReasoningEnd::kAsked;
    for (const std::int32_t token : run->plan.close_with) {
      if (next.generated >= limit) break;
      next.tokens.push_back(token);
      ++next.generated;
    }
  }
  run->fresh = next.generated == 0;
  next.state = std::move(outcome.state);
  Outcome refused{.reason = FinishReason::kFailed,
                  .prompt_tokens = outcome.prompt_tokens,
                  .generated_tokens = next.generated};
  {
    const std::lock_guard lock(mutex_);
    auto added = scheduler_->Add(WithCallbacks(run, std::move(next)));
    if (added.ok()) {
      run->request = *added;
      if (run->want != Want::kGo) scheduler_->Cancel(run->request);
      return;
    }
    refused.error = added.error();
  }
  Finish(run, std::move(refused));
}

void EngineThread::Finish(const RunPtr& run, Outcome outcome) {
  RunEvent event{.run = run->id, .kind = RunEvent::Kind::kEnd};
  RunEnd& end = event.end;
  end.reason = outcome.reason;
  end.error = std::move(outcome.error);
  end.text = std::move(outcome.text);
  end.stop_text = std::move(outcome.stop_text);
  end.prompt_tokens = outcome.prompt_tokens;
  end.generated_tokens = outcome.generated_tokens;
  if (run->told > 0 && outcome.prompt_tokens > run->read_tokens)
    end.cached_tokens = outcome.prompt_tokens - run->read_tokens;
  end.prefix = run->prefix;
  end.reasoning_tokens = run->reasoning_tokens;
  end.reasoning_end = run->reasoning_end;
  end.queue_seconds = run->queue_seconds;
  end.prefill_seconds = run->prefill_seconds;
  end.decode_seconds = run->decode_seconds;
  if (outcome.tokens.size() > outcome.prompt_tokens)
    end.tokens.assign(outcome.tokens.begin() + static_cast<std::ptrdiff_t>(outcome.prompt_tokens),
                      outcome.tokens.end());
  Emit(std::move(event));  // before it is forgotten: if this throws, the run is given up
  const std::lock_guard lock(mutex_);
  runs_.erase(run->id);
}

// What the loop's thread does with a run that has waited.
template <class F>
void EngineThread::OrGiveUp(const RunPtr& run, F&& f) {
  try {
    f();
  } catch (...) {
    Error error = CaughtError();
    const std::lock_guard lock(mutex_);
    failure_ = std::move(error);
    run->given_up = true;
  }
}

EngineThread::RunPtr EngineThread::FindRun(RunId id) {
  const auto found = runs_.find(id);
  return found == runs_.end() ? nullptr : found->second;
}

void EngineThread::Cancel(RunId id) {
  RunPtr run;
  std::optional<Outcome> held;
  {
    const std::lock_guard lock(mutex_);
    run = FindRun(id);
    if (run == nullptr) return;
    held = std::exchange(run->held, std::nullopt);
    run->want = Want::kCancel;
    if (!held) scheduler_->Cancel(run->request);
  }
  if (held) OrGiveUp(run, [&] { Finish(run, std::move(*held)); });
}

void EngineThread::Pause(RunId id) {
  const std::lock_guard lock(mutex_);
  const RunPtr run = FindRun(id);
  if (run == nullptr || run->held || run->want != Want::kGo) return;
  run->want = Want::kPause;
  scheduler_->Cancel(run->request);
}

void EngineThread::Resume(RunId id) {
  RunPtr run;
  std::optional<Outcome> held;
  {
    const std::lock_guard lock(mutex_);
    run = FindRun(id);
    if (run == nullptr) return;
    held = std::exchange(run->held, std::nullopt);
    // The cancel that is under way finds that there is nothing to wait for.
    if (!held && run->want == Want::kPause) run->want = Want::kGo;
  }
  if (held) OrGiveUp(run, [&] { GoOn(run, std::move(*held), false); });
}

bool EngineThread::CloseReasoning(RunId id) {
  const std::lock_guard lock(mutex_);
  const RunPtr run = FindRun(id);
  if (run == nullptr || run->held || run->want != Want::kGo || !run->plan.reasons) return false;
  run->want = Want::kClose;
  scheduler_->Cancel(run->request);
  return true;
}

void EngineThread::Emit(RunEvent event) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (event.kind == RunEvent::Kind::kToken) ++figures_.generated_tokens;
    events_.push_back(std::move(event));
    wake = !std::exchange(woken_, true);
  }
  if (wake) wake_();
}

RunEvent EngineThread::GivenUp(const Run& run) const {
  RunEvent event{.run = run.id, .kind = RunEvent::Kind::kEnd};
  event.end.reason = FinishReason::kFailed;
  event.end.error = failure_;
  return event;
}

std::vector<RunEvent> EngineThread::TakeEvents() {
  const std::lock_guard lock(mutex_);
  woken_ = false;
  for (auto next = runs_.begin(); next != runs_.end();) {
    const auto at = next++;
    if (!at->second->given_up) continue;
    events_.push_back(GivenUp(*at->second));
    runs_.erase(at);
  }
  return std::exchange(events_, {});
}

EngineFigures EngineThread::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

}  // namespace hadal::server
