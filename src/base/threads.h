// A pool of worker threads that splits a range the same way every time.
//
// Run(n, f) calls f(i) once for every i in [0, n); thread w of W takes the contiguous block
// [n*w/W, n*(w+1)/W). Which thread computes an item therefore never changes what it computes:
// callers give each output element to exactly one item, so results do not depend on the number of
// threads.
//
// One Run at a time per pool; it must not be called from inside f. What f throws, Run throws when
// all threads are done; of several exceptions, one. The pool outlives every Run; workers sleep
// between them.
#pragma once
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace hadal {

class Threads {
 public:
  // count >= 1; the caller's thread is one of them. Where the system gives fewer, it works with
  // these, and says so in the log.
  explicit Threads(std::size_t count);
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  std::size_t count() const { return workers_.size() + 1; }

  template <class F>
  void Run(std::size_t items, F&& f) {
    using Fn = std::remove_reference_t<F>;
    Start(
        items, [](void* fn, std::size_t item) { (*static_cast<Fn*>(fn))(item); }, &f);
  }

  // f(worker, item) for every item in [0, items): as Run, and the worker's number in [0, count()),
  // whose scratch is its own.
  template <class F>
  void ForEach(std::size_t items, F&& f) {
    const std::size_t workers = std::min(items, count());
    Run(workers, [&](std::size_t w) {
      for (std::size_t i = items * w / workers; i < items * (w + 1) / workers; ++i) f(w, i);
    });
  }

  static std::size_t HardwareCount();  // >= 1; processors of base/allowance.h, read anew

 private:
  using Call = void (*)(void*, std::size_t);
  void Start(std::size_t items, Call call, void* fn);
  void RunBlock(std::size_t worker);
  void Rethrow();
  void WorkerLoop(std::size_t worker);

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::atomic<std::size_t> generation_{0};
  std::atomic<std::size_t> running_{0};
  bool stop_ = false;
  std::exception_ptr problem_;  // the first of a Run, behind mutex_
  std::size_t items_ = 0;
  Call call_ = nullptr;
  void* fn_ = nullptr;
};

}  // namespace hadal
