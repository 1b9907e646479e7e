#include "base/threads.h"

#include <algorithm>
#include <utility>

#include "base/allowance.h"
#include "base/check.h"
#include "base/log.h"
#include "base/topology.h"

namespace hadal {
namespace {

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");  // waits for the pipeline; `yield` does nothing on most processors
#endif
}

// A worker on another part of the processor learns of a Run, and its caller of the worker's end,
// some hundreds of nanoseconds later each: so much a thread must have to do before it is any gain.
// With 4,000 two idle cores decoded a model of 13 MB 8 % (AVX-512) and 16 % (AVX2) slower.
constexpr double kNanosecondsWorthAThread = 500;

// Waits for done() for at most so many turns, and says whether it came.
template <class F>
bool SpinUntil(int turns, F done) {
  for (int turn = 0; turn < turns; ++turn) {
    if (done()) return true;
    Pause();
  }
  return false;
}

// Waking a sleeping thread costs tens of microseconds, and a decode step has hundreds of short
// parallel regions: a worker waits about that long for the next one before it sleeps. Whoever else
// wants its processor is let go first now and then. Returns for how long somebody took it, which
// ends the wait too.
template <class F>
Delays::Clock::duration WaitSpinning(F called) {
  constexpr int kTurns = 8, kSpinsATurn = 500;
  for (int turn = 0; turn < kTurns; ++turn) {
    if (SpinUntil(kSpinsATurn, called)) return {};
    if (turn < kTurns / 2) continue;  // what a forward pass does between regions is shorter
    const Delays::Clock::time_point since = Delays::Clock::now();
    std::this_thread::yield();
    const Delays::Clock::duration away = Delays::Clock::now() - since;
    if (away > std::chrono::microseconds(200)) return away;
  }
  return {};
}

}  // namespace

Threads::Threads(std::size_t count) {
  HADAL_CHECK(count >= 1);
  workers_.reserve(count - 1);  // what may fail comes before the first thread
  std::vector<Member> members(count);
  std::size_t started = 1;
  const Topology topology = count > 1 ? ReadTopology(AllowedProcessors()) : Topology{};
  const std::lock_guard lock(mutex_);  // before the members are there, nobody works
  try {
    for (; started < count; ++started)
      workers_.emplace_back([this, w = started, count, topology] {
        KeepToNode(w, count, topology);
        WorkerLoop(w);
      });
  } catch (const std::exception& error) {  // a limit on threads or on memory for their stacks
    spdlog::warn("threads asked={} got={} reason=\"{}\"", count, started, error.what());
  }
  while (members.size() > started) members.pop_back();
  members_ = std::move(members);
}

Threads::~Threads() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    task_.number.fetch_add(1);
  }
  wake_.notify_all();
  aside_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

std::size_t Threads::HardwareCount() { return ReadAllowance().cores; }

std::size_t Threads::CountFor(double nanoseconds) const {
  const double worth = nanoseconds / kNanosecondsWorthAThread;
  return worth < static_cast<double>(count())
             ? std::max(static_cast<std::size_t>(worth), std::size_t{1})
             : count();
}

bool Threads::TakePiece(std::uint32_t run, std::size_t block, std::size_t* begin,
                        std::size_t* end) {
  std::atomic<std::uint64_t>& slot = members_[block].run_and_left;
  std::uint64_t seen = slot.load(std::memory_order_acquire);
  while (seen >> 32 == run && (seen & 0xFFFFFFFF) != 0) {
    // As long as a block has items left its Run goes on, so what is read here is that Run's if the
    // exchange finds what was seen.
    const std::uint64_t shape = task_.threads_and_items.load(std::memory_order_relaxed);
    const std::size_t threads = shape >> 32, items = shape & 0xFFFFFFFF;
    const std::size_t first = items * block / threads, last = items * (block + 1) / threads;
    const std::size_t left = seen & 0xFFFFFFFF;
    const std::size_t piece = std::min((last - first + kPieces - 1) / kPieces, left);
    *begin = last - left;
    *end = *begin + piece;
    if (slot.compare_exchange_weak(seen, seen - piece, std::memory_order_acq_rel,
                                   std::memory_order_acquire))
      return true;
  }
  return false;
}

void Threads::RunPiece(std::size_t thread, std::size_t begin, std::size_t end) {
  const Call call = task_.call.load(std::memory_order_relaxed);
  void* fn = task_.fn.load(std::memory_order_relaxed);
  try {
    for (std::size_t i = begin; i < end; ++i) call(fn, thread, i);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!problem_) problem_ = std::current_exception();
  }
  // Either this sees that the caller sleeps or is about to, or the caller sees that all is done.
  if (left_.fetch_sub(end - begin) != end - begin || !caller_sleeps_.load()) return;
  const std::lock_guard lock(mutex_);
  done_.notify_one();
}

void Threads::Work(std::uint32_t run, std::size_t thread) {
  const std::size_t blocks = task_.threads_and_items.load(std::memory_order_relaxed) >> 32;
  std::atomic<bool>& holds_piece = members_[thread].holds_piece;
  std::size_t begin = 0, end = 0;
  for (std::size_t i = 0; i < blocks; ++i)
    while (TakePiece(run, (thread + i) % blocks, &begin, &end)) {
      holds_piece.store(true, std::memory_order_relaxed);
      RunPiece(thread, begin, end);
      holds_piece.store(false, std::memory_order_relaxed);
    }
}

// After all items are done: what f refers to is gone once Run has been left.
void Threads::Rethrow() {
  if (problem_) std::rethrow_exception(std::exchange(problem_, nullptr));
}

void Threads::Publish(std::size_t items, std::size_t threads, Call call, void* fn) {
  task_.threads_and_items.store(std::uint64_t{threads} << 32 | items, std::memory_order_relaxed);
  task_.call.store(call, std::memory_order_relaxed);
  task_.fn.store(fn, std::memory_order_relaxed);
  left_.store(items, std::memory_order_relaxed);
  const std::uint32_t run = task_.number.load(std::memory_order_relaxed) + 1;
  for (std::size_t b = 0; b < threads; ++b) {
    const std::size_t size = items * (b + 1) / threads - items * b / threads;
    members_[b].run_and_left.store(std::uint64_t{run} << 32 | size, std::memory_order_release);
  }
  // Either this sees that a worker sleeps or is about to, or that worker sees the new Run.
  task_.number.store(run);
  if (asleep_.load() == 0) return;
  { const std::lock_guard lock(mutex_); }
  wake_.notify_all();
}

void Threads::Start(std::size_t items, double nanoseconds_each, Call call, void* fn) {
  if (items == 0) return;
  const std::size_t threads =
      items == 1 ? 1 : CountFor(static_cast<double>(items) * nanoseconds_each);
  if (threads == 1) {
    for (std::size_t i = 0; i < items; ++i) call(fn, 0, i);
    return;
  }
  HADAL_CHECK(items < std::uint64_t{1} << 32);
  // Nobody is late with items of unknown length: as if the caller had been at it since ever.
  const Delays::Clock::time_point begin =
      nanoseconds_each < kLong ? Delays::Clock::now() : Delays::Clock::time_point{};
  Publish(items, threads, call, fn);
  Work(task_.number.load(std::memory_order_relaxed), 0);
  WaitForOthers(begin);
  Rethrow();
}

// A worker that computes is done soon after the caller: its last piece takes no longer than what
// the caller has done since `begin`. One that is not running is waited for asleep: the system lets
// a thread that slept run before those that did not.
void Threads::WaitForOthers(Delays::Clock::time_point begin) {
  constexpr int kSpinsUnnoticed = 400, kSpinsNoticed = 1600;
  const auto done = [this] { return left_.load(std::memory_order_acquire) == 0; };
  if (SpinUntil(kSpinsUnnoticed, done)) return;
  for (Member& member : members_) member.late = member.holds_piece.load(std::memory_order_relaxed);
  const Delays::Clock::time_point since = Delays::Clock::now();
  if (!SpinUntil(kSpinsNoticed, done)) WaitAsleep();
  const Delays::Clock::duration own = since - begin, waited = Delays::Clock::now() - since;
  if (waited > own) ChargeTheLate(waited - own);
}

void Threads::WaitAsleep() {
  std::unique_lock lock(mutex_);
  caller_sleeps_ = true;
  done_.wait(lock, [this] { return left_.load() == 0; });
  caller_sleeps_ = false;
}

void Threads::Charge(std::size_t worker, Delays::Clock::duration delay) {
  Member& member = members_[worker];
  const Delays::Clock::time_point now = Delays::Clock::now();
  const Delays::Clock::duration rest = member.delays.Charge(now, delay, count());
  if (rest.count() > 0) member.aside_until.store((now + rest).time_since_epoch().count());
}

void Threads::ChargeTheLate(Delays::Clock::duration waited) {
  const auto late = std::ranges::count_if(members_, [](const Member& m) { return m.late; });
  const std::lock_guard lock(mutex_);
  for (std::size_t w = 0; w < count(); ++w)
    if (members_[w].late) Charge(w, waited / late);
}

void Threads::StandAside(std::size_t worker) {
  const Delays::Clock::duration until(members_[worker].aside_until.load());
  std::unique_lock lock(mutex_);
  aside_.wait_until(lock, Delays::Clock::time_point(until), [this] { return stop_.load(); });
  members_[worker].aside_until.store(0);
}

void Threads::WorkerLoop(std::size_t worker) {
  { const std::lock_guard lock(mutex_); }
  const std::atomic<Delays::Clock::rep>& aside_until = members_[worker].aside_until;
  std::uint32_t seen = 0;
  while (!stop_.load()) {
    const auto called = [&] {
      return task_.number.load() != seen || aside_until.load(std::memory_order_relaxed) != 0;
    };
    const Delays::Clock::duration away = WaitSpinning(called);
    if (away.count() > 0 || !called()) {
      std::unique_lock lock(mutex_);
      if (away.count() > 0) Charge(worker, away);
      ++asleep_;
      wake_.wait(lock, called);
      --asleep_;
    }
    if (aside_until.load(std::memory_order_relaxed) != 0) StandAside(worker);
    seen = task_.number.load();
    if (!stop_.load()) Work(seen, worker);
  }
}

}  // namespace hadal
