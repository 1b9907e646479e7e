// A pool of worker threads that share out ranges.
//
// Run(n, f) calls f(i) once for every i in [0, n). Thread w of W begins with the block
// [n*w/W, n*(w+1)/W), piece by piece, and then takes pieces that others have not begun: on a
// machine that has other work to do, nobody waits for a thread that is not running unless it holds
// a piece. A worker that was waited for too long, because another process has its processor, stands
// aside for a while (base/delays.h), and the others do its work.
// Which thread computes an item must not change what it computes: callers give each output element
// to exactly one item, so results do not depend on the number of threads.
//
// One Run at a time per pool; it must not be called from inside f. What f throws, Run throws when
// all items are done; of several exceptions, one, and the rest of the piece is left out. The pool
// outlives every Run; workers spin for a moment between them, and then sleep. A Run whose threads
// are awake takes no lock.
#pragma once
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

#include "base/delays.h"

namespace hadal {

class Threads {
 public:
  // Of a block, if it has so many items: what a thread holds at a time. Whoever cuts work into
  // items for it gives every thread so many.
  static constexpr std::size_t kPieces = 4;

  // count >= 1; the caller's thread is one of them. Where the system gives fewer, it works with
  // these, and says so in the log.
  explicit Threads(std::size_t count);
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  std::size_t count() const { return members_.size(); }

  // How many threads are worth the trouble of telling them, of work that takes one about so long.
  std::size_t CountFor(double nanoseconds) const;

  template <class F>
  void Run(std::size_t items, F&& f) {
    Run(items, kLong, f);
  }
  // Of items that take a thread about so long each: what is too short is the caller's alone.
  template <class F>
  void Run(std::size_t items, double nanoseconds_each, F&& f) {
    ForEach(items, nanoseconds_each, [&f](std::size_t /*thread*/, std::size_t item) { f(item); });
  }

  // f(thread, item) for every item in [0, items): as Run, and the number in [0, count()) of the
  // thread that computes it, whose scratch is its own.
  template <class F>
  void ForEach(std::size_t items, F&& f) {
    ForEach(items, kLong, f);
  }
  template <class F>
  void ForEach(std::size_t items, double nanoseconds_each, F&& f) {
    using Fn = std::remove_reference_t<F>;
    const auto call = [](void* fn, std::size_t thread, std::size_t item) {
      (*static_cast<Fn*>(fn))(thread, item);
    };
    Start(items, nanoseconds_each, call, &f);
  }

  static std::size_t HardwareCount();  // >= 1; cores of base/allowance.h, read anew

 private:
  static constexpr double kLong = 1e9;

  using Call = void (*)(void*, std::size_t, std::size_t);

  // What others look at of a thread, on a cache line of its own.
  struct alignas(64) Member {
    // How many items of its block nobody has begun, in one number with the Run they belong to, so
    // that a thread that comes late takes nothing of another Run's.
    std::atomic<std::uint64_t> run_and_left{0};
    std::atomic<bool> holds_piece{false};
    std::atomic<Delays::Clock::rep> aside_until{0};
    Delays delays;      // behind mutex_
    bool late = false;  // the caller's: it is waited for
  };

  // One Run, on one cache line, so that a thread that sees it come has all of it.
  struct alignas(64) Task {
    std::atomic<std::uint32_t> number{0};
    // Atomic only because a thread that comes late may look while the next Run is being set up.
    std::atomic<std::uint64_t> threads_and_items{0};
    std::atomic<Call> call{nullptr};
    std::atomic<void*> fn{nullptr};
  };

  void Start(std::size_t items, double nanoseconds_each, Call call, void* fn);
  void Publish(std::size_t items, std::size_t threads, Call call, void* fn);
  void WaitForOthers(Delays::Clock::time_point begin);
  void WaitAsleep();
  void Charge(std::size_t worker, Delays::Clock::duration delay);  // behind mutex_
  void ChargeTheLate(Delays::Clock::duration waited);
  void StandAside(std::size_t worker);

  void Work(std::uint32_t run, std::size_t thread);
  bool TakePiece(std::uint32_t run, std::size_t block, std::size_t* begin, std::size_t* end);
  void RunPiece(std::size_t thread, std::size_t begin, std::size_t end);
  void Rethrow();
  void WorkerLoop(std::size_t worker);

  std::vector<std::thread> workers_;
  std::vector<Member> members_;
  std::mutex mutex_;
  std::condition_variable wake_, aside_, done_;
  Task task_;
  alignas(64) std::atomic<std::size_t> left_{0};    // items of this Run that are not done
  alignas(64) std::atomic<std::size_t> asleep_{0};  // workers that wake_ must wake
  std::atomic<bool> caller_sleeps_{false};
  std::atomic<bool> stop_{false};
  std::exception_ptr problem_;  // the first of a Run, behind mutex_
};

}  // namespace hadal
