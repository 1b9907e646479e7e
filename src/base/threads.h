// A pool of worker threads that share out ranges.
//
// Run(n, f) calls f(i) once for every i in [0, n). Thread w of W begins with the block
// [n*w/W, n*(w+1)/W), piece by piece, and then takes pieces that others have not begun: on a
// machine that has other work to do, nobody waits for a thread that is not running unless it holds
// a piece.
// Which thread computes an item must not change what it computes: callers give each output element
// to exactly one item, so results do not depend on the number of threads.
//
// One Run at a time per pool; it must not be called from inside f. What f throws, Run throws when
// all items are done; of several exceptions, one, and the rest of the piece is left out. The pool
// outlives every Run; workers spin for a moment between them, and then sleep.
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

  std::size_t count() const { return blocks_.size(); }

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

  // How many items of a thread's block nobody has begun, in one number with the Run they belong to,
  // so that a thread that comes late takes nothing of another Run's.
  struct alignas(64) Block {
    std::atomic<std::uint64_t> run_and_left{0};
  };

  void Start(std::size_t items, Call call, void* fn);
  void Work(std::uint32_t run, std::size_t first_block);
  bool TakePiece(std::uint32_t run, std::size_t block, std::size_t* begin, std::size_t* end);
  void RunPiece(std::size_t begin, std::size_t end);
  void Rethrow();
  void WorkerLoop(std::size_t worker);

  std::vector<std::thread> workers_;
  std::vector<Block> blocks_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  alignas(64) std::atomic<std::uint32_t> run_{0};  // their number
  alignas(64) std::atomic<std::size_t> left_{0};   // items of this Run that are not done
  bool stop_ = false;
  std::exception_ptr problem_;  // the first of a Run, behind mutex_
  // Atomic only because a thread that comes late may look while the next Run is being set up.
  std::atomic<std::size_t> items_{0};
  std::atomic<Call> call_{nullptr};
  std::atomic<void*> fn_{nullptr};
};

}  // namespace hadal
