#include "base/threads.h"

#include <utility>

#include "base/allowance.h"
#include "base/check.h"
#include "base/log.h"

namespace hadal {
namespace {
// Waking a sleeping thread costs tens of microseconds, and a decode step has hundreds of short
// parallel regions: spin about that long before sleeping.
constexpr int kSpins = 4000;

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}
}  // namespace

Threads::Threads(std::size_t count) {
  HADAL_CHECK(count >= 1);
  workers_.reserve(count - 1);
  try {
    for (std::size_t w = 1; w < count; ++w) workers_.emplace_back([this, w] { WorkerLoop(w); });
  } catch (const std::exception& error) {  // a limit on threads or on memory for their stacks
    spdlog::warn("threads asked={} got={} reason=\"{}\"", count, this->count(), error.what());
  }
}

Threads::~Threads() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    generation_.fetch_add(1);
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

std::size_t Threads::HardwareCount() { return ReadAllowance().processors; }

void Threads::RunBlock(std::size_t worker) {
  const std::size_t threads = count();
  const std::size_t end = items_ * (worker + 1) / threads;
  try {
    for (std::size_t i = items_ * worker / threads; i < end; ++i) call_(fn_, i);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!problem_) problem_ = std::current_exception();
  }
}

// After all threads are done: what f refers to is gone once Run has been left.
void Threads::Rethrow() {
  if (problem_) std::rethrow_exception(std::exchange(problem_, nullptr));
}

void Threads::Start(std::size_t items, Call call, void* fn) {
  if (items == 0) return;
  if (workers_.empty() || items == 1) {
    for (std::size_t i = 0; i < items; ++i) call(fn, i);
    return;
  }
  items_ = items;
  call_ = call;
  fn_ = fn;
  running_.store(workers_.size(), std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    generation_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
  RunBlock(0);
  for (int spin = 0; spin < kSpins; ++spin) {
    if (running_.load(std::memory_order_acquire) == 0) return Rethrow();
    Pause();
  }
  {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return running_.load(std::memory_order_acquire) == 0; });
  }
  Rethrow();
}

void Threads::WorkerLoop(std::size_t worker) {
  std::size_t seen = 0;
  while (true) {
    for (int spin = 0; spin < kSpins && generation_.load(std::memory_order_acquire) == seen; ++spin)
      Pause();
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return generation_.load(std::memory_order_acquire) != seen; });
      seen = generation_.load(std::memory_order_acquire);
      if (stop_) return;
    }
    RunBlock(worker);
    if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      const std::lock_guard lock(mutex_);
      done_.notify_one();
    }
  }
}

}  // namespace hadal
