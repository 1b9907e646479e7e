#include "base/threads.h"

#include <algorithm>
#include <utility>

#include "base/allowance.h"
#include "base/check.h"
#include "base/log.h"

namespace hadal {
namespace {

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Waking a sleeping thread costs tens of microseconds, and a decode step has hundreds of short
// parallel regions: waits about that long for done(), and says whether it came. Whoever else wants
// the processor is let go first now and then: it may be the thread that is waited for.
template <class F>
bool SpinUntil(F done) {
  constexpr int kSpins = 4000, kSpinsUntilYield = 200;
  for (int spin = 1; spin <= kSpins; ++spin) {
    if (done()) return true;
    Pause();
    if (spin % kSpinsUntilYield == 0) std::this_thread::yield();
  }
  return false;
}

}  // namespace

Threads::Threads(std::size_t count) {
  HADAL_CHECK(count >= 1);
  workers_.reserve(count - 1);  // what may fail comes before the first thread
  std::vector<Block> blocks(count);
  std::size_t started = 1;
  const std::lock_guard lock(mutex_);  // before the blocks are there, nobody works
  try {
    for (; started < count; ++started)
      workers_.emplace_back([this, w = started] { WorkerLoop(w); });
  } catch (const std::exception& error) {  // a limit on threads or on memory for their stacks
    spdlog::warn("threads asked={} got={} reason=\"{}\"", count, started, error.what());
  }
  while (blocks.size() > started) blocks.pop_back();
  blocks_ = std::move(blocks);
}

Threads::~Threads() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    run_.fetch_add(1);
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

std::size_t Threads::HardwareCount() { return ReadAllowance().processors; }

bool Threads::TakePiece(std::uint32_t run, std::size_t block, std::size_t* begin,
                        std::size_t* end) {
  std::atomic<std::uint64_t>& slot = blocks_[block].run_and_left;
  std::uint64_t seen = slot.load(std::memory_order_acquire);
  while (seen >> 32 == run && (seen & 0xFFFFFFFF) != 0) {
    // As long as a block has items left its Run goes on, so items_ is that Run's if the exchange
    // finds what was seen.
    const std::size_t items = items_.load(std::memory_order_relaxed), threads = count();
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

void Threads::RunPiece(std::size_t begin, std::size_t end) {
  const Call call = call_.load(std::memory_order_relaxed);
  void* fn = fn_.load(std::memory_order_relaxed);
  try {
    for (std::size_t i = begin; i < end; ++i) call(fn, i);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!problem_) problem_ = std::current_exception();
  }
  if (left_.fetch_sub(end - begin, std::memory_order_acq_rel) != end - begin) return;
  const std::lock_guard lock(mutex_);
  done_.notify_one();
}

void Threads::Work(std::uint32_t run, std::size_t first_block) {
  std::size_t begin = 0, end = 0;
  for (std::size_t i = 0; i < count(); ++i)
    while (TakePiece(run, (first_block + i) % count(), &begin, &end)) RunPiece(begin, end);
}

// After all items are done: what f refers to is gone once Run has been left.
void Threads::Rethrow() {
  if (problem_) std::rethrow_exception(std::exchange(problem_, nullptr));
}

void Threads::Start(std::size_t items, Call call, void* fn) {
  if (items == 0) return;
  if (workers_.empty() || items == 1) {
    for (std::size_t i = 0; i < items; ++i) call(fn, i);
    return;
  }
  HADAL_CHECK(items < std::uint64_t{1} << 32);
  items_.store(items, std::memory_order_relaxed);
  call_.store(call, std::memory_order_relaxed);
  fn_.store(fn, std::memory_order_relaxed);
  left_.store(items, std::memory_order_relaxed);
  const std::uint32_t run = run_.load(std::memory_order_relaxed) + 1;
  for (std::size_t b = 0; b < count(); ++b) {
    const std::size_t size = items * (b + 1) / count() - items * b / count();
    blocks_[b].run_and_left.store(std::uint64_t{run} << 32 | size, std::memory_order_release);
  }
  {
    const std::lock_guard lock(mutex_);
    run_.store(run, std::memory_order_release);
  }
  wake_.notify_all();
  Work(run, 0);
  const auto done = [this] { return left_.load(std::memory_order_acquire) == 0; };
  if (!SpinUntil(done)) {
    std::unique_lock lock(mutex_);
    done_.wait(lock, done);
  }
  Rethrow();
}

void Threads::WorkerLoop(std::size_t worker) {
  std::uint32_t seen = 0;
  while (true) {
    const auto called = [&] { return run_.load(std::memory_order_acquire) != seen; };
    SpinUntil(called);
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, called);
      seen = run_.load(std::memory_order_acquire);
      if (stop_) return;
    }
    Work(seen, worker);
  }
}

}  // namespace hadal
