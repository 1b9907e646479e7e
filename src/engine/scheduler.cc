#include "engine/scheduler.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "base/clock.h"
#include "base/units.h"
#include "cost/engine_memory.h"

namespace hadal::engine {
namespace {

constexpr std::chrono::milliseconds kMoment{5};  // in which nobody who arrives or leaves is heard
constexpr std::size_t kLogitRows = 16;           // for which the head's weights are read together

PrefixRules KeepingRules(const SchedulerOptions& options, bool streams) {
  return {.on = options.keep_prefixes,
          .pass_tokens = streams ? options.max_rows : 0,
          .full_windows = options.full_windows};
}

std::optional<ExpertLoan> LoanOf(const ExpertMemory& experts,
                                 const std::shared_ptr<cache::Pool>& pool) {
  if (experts.source() == nullptr || experts.source()->lent_bytes() == 0) return {};
  return ExpertLoan(*experts.source(), pool);
}

double MostLoneSeconds(const model::Model& model, const SchedulerOptions& options) {
  const auto layers = static_cast<double>(model.layers.size());
  return std::max(options.step_seconds, options.layer_seconds * layers);
}

}  // namespace

Scheduler::Scheduler(const model::Model& model, ExpertMemory experts, model::Forward forward,
                     const SchedulerOptions& options)
    : model_(model),
      options_(options),
      experts_(std::move(experts)),
      forward_(std::move(forward)),
      pool_(std::make_shared<cache::Pool>(forward_.layout(), options.state_bytes)),
      loan_(LoanOf(experts_, pool_)),
      prefixes_(
          KeepingRules(options, experts_.runner() != nullptr), pool_,
          [this] { return FreeBytes(); }, options.disk,
          [this](std::size_t tokens) { return costs_.Predict({.decode = 0, .prompt = tokens}); },
          loan_ ? &*loan_ : nullptr),
      logits_(std::min(kLogitRows, options.max_rows) * model.config.vocab_size),
      fixed_(forward_.layout().fixed_bytes),
      costs_(Speculation::ExpectedCosts(options.speculate, model)),
      speculation_(options.speculate, model, forward_),
      lone_seconds_(MostLoneSeconds(model, options)) {
  forward_.set_observer(&watch_);
}

Result<std::unique_ptr<Scheduler>> Scheduler::Create(const model::Model& model, Threads& threads,
                                                     const SchedulerOptions& options) {
  if (options.max_rows == 0 || options.max_running == 0)
    return Fail(Code::kInvalid, "rows of a pass {}, running requests {}: expected at least 1",
                options.max_rows, options.max_running);
  HADAL_TRY_STATUS(CheckSpeculate(options.speculate, model));
  HADAL_TRY(ExpertMemory experts, ExpertMemory::Create(model, options.experts));
  HADAL_TRY(model::Forward forward, model::Forward::Create(model, arch::Numerics::Stored(), threads,
                                                           options.max_rows, experts.runner()));
  try {
    return std::unique_ptr<Scheduler>(
        new Scheduler(model, std::move(experts), std::move(forward), options));
  } catch (const std::bad_alloc&) {
    return Fail(Code::kExhausted, "no memory for the logits of passes of {} rows",
                options.max_rows);
  }
}

std::uint64_t Scheduler::NeededBytes(const Request& request) const {
  const std::size_t prompt = request.tokens.size() - request.generated;
  const std::size_t most = std::max(request.generated, *request.stop.max_tokens);
  return cost::AllocatedState(model_.config, forward_.layout(), prompt + most).total();
}

Result<RequestId> Scheduler::Add(Request request) {
  HADAL_TRY_STATUS(CheckRequest(request, model_.config));
  if ((!request.stop.texts.empty() || !request.stop.always.empty()) &&
      options_.tokenizer == nullptr)
    return Fail(Code::kInvalid, "stop texts: there is no tokenizer");
  request.stop.max_tokens = TokenLimit(request, model_.config);
  const std::uint64_t needed = NeededBytes(request);
  if (needed > options_.state_bytes)
    return Fail(Code::kExhausted, "{} tokens and {} to generate need {}, all requests have {}",
                request.tokens.size() - request.generated, *request.stop.max_tokens,
                FormatBytes(needed), FormatBytes(options_.state_bytes));
  const std::lock_guard lock(mutex_);
  const RequestId id = ++last_id_;
  added_.push_back(std::make_unique<ActiveRequest>(id, std::move(request), needed,
                                                   options_.tokenizer, options_.eos_ids));
  arrival_ = true;
  arrived_.notify_all();
  return id;
}

void Scheduler::Cancel(RequestId id) {
  const std::lock_guard lock(mutex_);
  cancelled_.push_back(id);
  if (id == interruptible_) drop_pass_ = true;
  arrived_.notify_all();
}

bool Scheduler::WaitForWork(std::chrono::milliseconds longest) {
  if (!running_.empty() || !waiting_.empty()) return true;
  std::unique_lock lock(mutex_);
  return arrived_.wait_for(lock, longest, [&] { return !added_.empty(); });
}

void Scheduler::TakeInbox() {
  std::vector<Active> added;
  std::vector<RequestId> cancelled;
  {
    const std::lock_guard lock(mutex_);
    added.swap(added_);
    cancelled.swap(cancelled_);
  }
  for (Active& request : added) Enqueue(std::move(request));
  for (const RequestId id : cancelled) {
    const auto is = [&](const Active& request) { return request->id() == id; };
    if (const auto found = std::ranges::find_if(running_, is); found != running_.end())
      (*found)->End(FinishReason::kCancelled);
    if (const auto found = std::ranges::find_if(waiting_, is); found != waiting_.end()) {
      const Active request = std::move(*found);
      waiting_.erase(found);
      request->End(FinishReason::kCancelled);
      request->Tell();
    }
  }
  RemoveEnded();
}

// Of the pool, what is neither promised nor held by somebody else. Pages that running requests
// share are subtracted for each of them: never too much is free. A state that is being read has
// said what it takes no sooner than it has it: nor is it here.
std::uint64_t Scheduler::FreeBytes() const {
  std::uint64_t running = prefixes_.reading_bytes();
  for (const Active& request : running_) running += request->state_bytes();
  const std::uint64_t promised = promised_ + prefixes_.leaving_bytes();
  const std::uint64_t used = pool_->used_bytes();
  const std::uint64_t taken = promised + (used > running ? used - running : 0);
  const std::uint64_t all = pool_->budget_bytes();
  return taken < all ? all - taken : 0;
}

// Who brings a state was here before those who bring none, and holds memory that they wait for.
void Scheduler::Enqueue(Active request) {
  const auto brings = [](const Active& waiting) { return waiting->sequence().has_value(); };
  const auto place = brings(request) ? std::ranges::find_if_not(waiting_, brings) : waiting_.end();
  waiting_.insert(place, std::move(request));
}

bool Scheduler::Admit(std::size_t waiting) {
  ActiveRequest& next = *waiting_[waiting];
  if (next.promised_bytes() > options_.state_bytes - promised_ || !prefixes_.Admit(next))
    return false;
  promised_ += next.promised_bytes();
  running_.push_back(std::move(waiting_[waiting]));
  waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(waiting));
  if (!prefixes_.IsReading(running_.back()->id())) Begin(*running_.back());
  return true;
}

void Scheduler::Begin(ActiveRequest& request) {
  if (Status status = request.Admit(pool_); !status.ok())
    request.Fail(status.error());
  else
    prefixes_.Admitted(request);
}

void Scheduler::BeginRestored() {
  for (const Active& request : running_)
    if (prefixes_.IsReading(request->id()) && prefixes_.Restored(*request)) Begin(*request);
}

void Scheduler::AdmitWaiting() {
  const std::size_t most = std::min(options_.max_running, options_.max_rows);
  while (!waiting_.empty() && running_.size() < most) {
    if (Admit(0)) continue;
    if (!running_.empty()) return;
    // Nobody will give memory back but those who wait.
    std::size_t next = 1;
    while (next < waiting_.size() && !(waiting_[next]->sequence() && Admit(next))) ++next;
    if (running_.empty()) return;
  }
}

// Those who decode first: their rows then lie together, and so do their logits.
std::vector<Scheduler::Turn> Scheduler::PlanTurns(StepRows* rows) {
  std::vector<Turn> turns;
  std::vector<ActiveRequest*> readers;
  std::vector<std::size_t> wanted;
  for (const Active& request : running_) {
    if (request->wanted() == 1) turns.push_back({.request = request.get(), .rows = 1});
    if (request->wanted() <= 1) continue;
    readers.push_back(request.get());
    wanted.push_back(request->wanted());
  }
  AllotGuesses(&turns, readers.empty() ? 0 : 1);
  for (const Turn& turn : turns) rows->decode += 1 + turn.guesses;
  if (readers.empty()) return turns;
  const double seconds = alone() ? lone_seconds_ : options_.step_seconds;
  const std::size_t most = options_.max_rows - rows->decode;
  const bool whole = alone() && experts_.runner() != nullptr && lone_seconds_ >= dropped_seconds_;
  const std::size_t room = whole ? most : costs_.PromptRows(rows->decode, seconds, most);
  const std::vector<std::size_t> shares = ShareRows(wanted, room, turn_++ % readers.size());
  for (std::size_t i = 0; i < readers.size(); ++i) {
    if (shares[i] == 0) continue;
    const std::size_t until_kept = prefixes_.RowsUntilKept(*readers[i]);
    turns.push_back({.request = readers[i], .rows = std::min(shares[i], until_kept)});
    rows->prompt += turns.back().rows;
  }
  return turns;
}

// Guesses take what the pass has room for beside the rows that decode and `others`.
void Scheduler::AllotGuesses(std::vector<Turn>* decoding, std::size_t others) {
  std::vector<ActiveRequest*> texts;
  for (const Turn& turn : *decoding) texts.push_back(turn.request);
  speculation_.Allot(texts, options_.max_rows - std::min(options_.max_rows, texts.size() + others),
                     costs_);
  for (Turn& turn : *decoding) turn.guesses = turn.request->to_try();
}

// A turn whose memory is not there, against the promise, is dropped with its request.
std::vector<model::Chunk> Scheduler::TakeChunks(std::vector<Turn>* turns) {
  std::vector<model::Chunk> chunks;
  std::vector<std::size_t> watched;  // those that tokens may be drawn from
  std::size_t row = 0;
  std::erase_if(*turns, [&](Turn& turn) {
    auto chunk = turn.request->Next(turn.rows);
    while (!chunk.ok() && prefixes_.GiveWay()) chunk = turn.request->Next(turn.rows);
    if (!chunk.ok()) {
      turn.request->Fail(chunk.error());
      return true;
    }
    chunks.push_back(*chunk);
    turn.first_row = row;
    turn.reads = turn.request->reads();
    row += turn.rows + turn.guesses;
    for (std::size_t i = 0; i <= turn.guesses; ++i) watched.push_back(turn.last_row() + i);
    return false;
  });
  watch_.Watch(watched);
  return chunks;
}

// kCancelled: the pass was dropped, and nothing has changed.
Status Scheduler::RunPass(const std::vector<Turn>& turns, const std::vector<model::Chunk>& chunks,
                          double predicted) {
  if (!alone()) return forward_.Run(chunks);
  const Stopwatch clock;
  // How long a disk takes is not known.
  const bool unknown_or_long =
      predicted == 0 || predicted > options_.step_seconds || experts_.runner() != nullptr;
  Status run =
      unknown_or_long ? RunInterruptible(turns[0], chunks, predicted) : forward_.Run(chunks);
  const double most = std::max(MostLoneSeconds(model_, options_), dropped_seconds_);
  if (run.ok()) lone_seconds_ = std::min(lone_seconds_ + clock.seconds(), most);
  return run;
}

// A pass that is dropped leaves its new entries behind, which the next one writes again, and a
// fixed block that is neither old nor new: that one is put back.
Status Scheduler::RunInterruptible(const Turn& turn, const std::vector<model::Chunk>& chunks,
                                   double predicted) {
  const RequestId id = turn.request->id();
  {
    const std::lock_guard lock(mutex_);
    interruptible_ = id;
    drop_pass_ = std::ranges::count(cancelled_, id) != 0;
    arrival_ = !added_.empty();
  }
  const std::span<std::byte> fixed = turn.request->state().fixed;
  std::ranges::copy(fixed, fixed_.data());
  const Stopwatch clock;
  // A newcomer gains from it where the pass could be shorter and is not about to end.
  const auto make_room = [&] {
    return turn.rows > 1 && arrival_.load(std::memory_order_relaxed) &&
           clock.seconds() + options_.step_seconds < predicted;
  };
  const auto set = [](const std::atomic<bool>* flag) {
    return flag != nullptr && flag->load(std::memory_order_relaxed);
  };
  bool made_room = false;
  Status run = forward_.Run(chunks, [&] {
    made_room = make_room();
    return made_room || set(&drop_pass_) || set(options_.interrupt);
  });
  if (!run.ok()) std::memcpy(fixed.data(), fixed_.data(), fixed.size());
  if (made_room) {
    lone_seconds_ = options_.step_seconds;
    dropped_seconds_ = clock.seconds();
  }
  const std::lock_guard lock(mutex_);
  interruptible_ = 0;
  return run;
}

void Scheduler::AdvanceAll(const std::vector<Turn>& turns) {
  std::vector<DrawRow> rows;
  for (const Turn& turn : turns) {
    const std::uint64_t first = turn.request->position() - turn.guesses - turn.rows;
    if (const Status finite = watch_.Check(turn.first_row, turn.rows, first); !finite.ok())
      turn.request->Fail(finite.error());
    else if (turn.request->Advance(turn.rows))
      for (std::size_t i = 0; i <= turn.guesses; ++i) rows.push_back({&turn, i});
  }
  DrawAll(rows);
  for (const Turn& turn : turns)
    if (const Status settled = turn.request->Settle(); !settled.ok())
      turn.request->Fail(settled.error());
}

// A text whose guess was wrong has no use for the rows behind it.
void Scheduler::DrawAll(std::span<const DrawRow> rows) {
  const std::size_t vocab = model_.config.vocab_size, most = logits_.size() / vocab;
  const Turn* done = nullptr;
  for (std::size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
    const std::size_t first = rows[begin].row();
    while (end < rows.size() && end - begin < most && rows[end].row() == first + end - begin) ++end;
    const View2<float> logits = logits_.As(end - begin, vocab);
    forward_.Logits(first, logits);
    for (std::size_t i = begin; i < end; ++i)
      if (rows[i].turn != done && !DrawOne(rows[i], logits[i - begin])) done = rows[i].turn;
  }
}

// Whether the text's next row is right too.
bool Scheduler::DrawOne(const DrawRow& row, std::span<const float> logits) {
  ActiveRequest& request = *row.turn->request;
  const std::uint64_t position = request.position() - 1;
  if (row.guess > 0) {
    const Status finite = watch_.Check(row.row(), 1, position);
    if (!finite.ok()) {
      request.Fail(finite.error());
      return false;
    }
  }
  if (const Status drawn = request.Draw(logits, &scratch_); !drawn.ok()) {
    request.Fail(Within(fmt::format("position {}", position), drawn.error()));
    return false;
  }
  return row.guess < row.turn->guesses && !IsCancelled(request.id()) && request.TakeGuess();
}

// A cancel that a token's callback asked for: no token comes behind it, as if none had been
// guessed.
bool Scheduler::IsCancelled(RequestId id) {
  const std::lock_guard lock(mutex_);
  return std::ranges::count(cancelled_, id) != 0;
}

DraftCounts Scheduler::Speculate(const std::vector<Turn>& turns) {
  DraftCounts counts;
  std::vector<Speculation::PassText> texts;
  for (const Turn& turn : turns) {
    const ActiveRequest& request = *turn.request;
    counts.Count(request.tried(), request.accepted());
    if (!request.ended())
      texts.push_back({turn.request, turn.first_row, turn.rows + request.accepted()});
  }
  speculation_.Draft(texts, costs_);
  return counts;
}

void Scheduler::RemoveEnded() {
  for (std::size_t i = 0; i < running_.size();) {
    if (!running_[i]->ended()) {
      ++i;
      continue;
    }
    const Active ended = std::move(running_[i]);
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
    promised_ -= ended->promised_bytes();
    prefixes_.Ended(*ended);
    speculation_.Forget(ended->id());
    ended->Tell();
    experts_.KeepSometimes();
  }
}

void Scheduler::DropAll() noexcept {
  running_.clear();
  waiting_.clear();
  promised_ = 0;
  prefixes_.Clear();
  speculation_.ForgetAll();
  const std::lock_guard lock(mutex_);
  added_.clear();
  cancelled_.clear();
  interruptible_ = 0;
}

StepReport Scheduler::Step() {
  TakeInbox();
  BeginRestored();
  AdmitWaiting();
  RemoveEnded();  // what had nothing to do
  StepReport report;
  StepRows rows;
  std::vector<Turn> turns = PlanTurns(&rows);
  if (!turns.empty()) {
    report.predicted_seconds = costs_.Predict(rows);
    const std::vector<model::Chunk> chunks = TakeChunks(&turns);
    const Stopwatch clock;
    const Status run =
        chunks.empty() ? Status(Unit{}) : RunPass(turns, chunks, report.predicted_seconds);
    if (run.ok()) {
      AdvanceAll(turns);
      costs_.Measured(rows, clock.seconds());
      report.drafts = Speculate(turns);
      // Kept is what drafters have followed too; they write to no page that is shared.
      for (const Turn& turn : turns)
        if (turn.reads && !turn.request->ended()) prefixes_.Advanced(*turn.request);
      report.seconds = clock.seconds();
      report.decode_rows = rows.decode - report.drafts.tried;
      report.prompt_rows = rows.prompt;
    } else if (run.error().code != Code::kCancelled) {
      for (const Turn& turn : turns) turn.request->Fail(run.error());
    }
    RemoveEnded();
    prefixes_.PassEnded();
  } else if (!running_.empty() || !waiting_.empty()) {
    prefixes_.WaitForDisk(kMoment);
  }
  report.running = running_.size();
  for (const Active& request : running_) report.state_bytes += request->state_bytes();
  report.waiting = waiting_.size();
  return report;
}

}  // namespace hadal::engine
