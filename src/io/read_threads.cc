// The workers of a ReadQueue where there is no io_uring: threads that each read one block.
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "io/block_queue.h"

namespace hadal::io {
namespace {

class ReadThreads final : public BlockWorkers {
 public:
  ReadThreads(BlockQueue& queue, std::size_t depth) : queue_(queue) {
    threads_.reserve(depth);
    try {
      while (threads_.size() < depth) threads_.emplace_back([this] { Work(); });
    } catch (const std::exception&) {  // a limit on threads, or on memory for them
      if (threads_.empty()) throw;  // one is needed; base/exceptions.h says what there is none of
      spdlog::warn("read_threads asked={} got={}", depth, threads_.size());
    }
  }
  void Join() override {
    for (std::thread& thread : threads_) thread.join();
  }
  void Wake() override {}  // they wait in the queue
  const char* name() const override { return "threads"; }

 private:
  void Work() {
    while (auto block = queue_.WaitAndTake()) {
      const ssize_t got = pread(block->file->descriptor(), block->to, block->bytes,
                                static_cast<off_t>(block->offset));
      queue_.Finish(std::move(*block), got < 0 ? -errno : got);
    }
  }

  BlockQueue& queue_;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<BlockWorkers> StartReadThreads(BlockQueue& queue, std::size_t depth) {
  return std::make_unique<ReadThreads>(queue, depth);
}

}  // namespace hadal::io
