// The workers of a ReadQueue through io_uring: one thread, and the kernel. The thread sleeps in the
// ring; an eventfd that is read through the ring too wakes it for what was added since.
#include <liburing.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "io/block_queue.h"

namespace hadal::io {
namespace {

class Uring final : public BlockWorkers {
 public:
  // 0, or the number of the error.
  int Start(BlockQueue& queue, std::size_t depth) {
    queue_ = &queue;
    blocks_.resize(depth);
    for (std::size_t i = 0; i < depth; ++i) free_.push_back(i);
    wake_ = eventfd(0, EFD_CLOEXEC);
    if (wake_ < 0) return errno;
    if (const int made = io_uring_queue_init(static_cast<unsigned>(depth + 1), &ring_, 0); made < 0)
      return -made;
    ready_ = true;
    if (!CanRead()) return EOPNOTSUPP;
    thread_ = std::thread([this] { Work(); });
    return 0;
  }
  Uring() = default;
  Uring(const Uring&) = delete;
  Uring& operator=(const Uring&) = delete;
  ~Uring() override {
    if (ready_) io_uring_queue_exit(&ring_);
    if (wake_ >= 0) close(wake_);
  }
  void Join() override { thread_.join(); }
  void Wake() override {
    const std::uint64_t one = 1;
    // It fails only where the count is full: then it is awake.
    [[maybe_unused]] const ssize_t put = write(wake_, &one, sizeof(one));
  }
  const char* name() const override { return "io_uring"; }

 private:
  static constexpr std::uint64_t kWakeUp = ~std::uint64_t{0};

  bool CanRead() {
    io_uring_probe* probe = io_uring_get_probe_ring(&ring_);
    const bool can = probe != nullptr && io_uring_opcode_supported(probe, IORING_OP_READ) != 0;
    io_uring_free_probe(probe);
    return can;
  }

  void ListenForWake() {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    io_uring_prep_read(entry, wake_, &woken_, sizeof(woken_), 0);
    io_uring_sqe_set_data64(entry, kWakeUp);
    listening_ = true;
  }

  void TakeBlocks() {
    while (!free_.empty()) {
      auto block = queue_->Take();
      if (!block) return;
      const std::size_t at = free_.back();
      free_.pop_back();
      io_uring_sqe* entry = io_uring_get_sqe(&ring_);  // there are depth + 1
      io_uring_prep_read(entry, block->file->descriptor(), block->to,
                         static_cast<unsigned>(block->bytes), block->offset);
      io_uring_sqe_set_data64(entry, at);
      blocks_[at] = std::move(block);
    }
  }

  void Collect() {
    io_uring_cqe* done = nullptr;
    while (io_uring_peek_cqe(&ring_, &done) == 0) {
      const std::uint64_t at = io_uring_cqe_get_data64(done);
      const int got = done->res;
      io_uring_cqe_seen(&ring_, done);
      if (at == kWakeUp) {
        listening_ = false;
        continue;
      }
      BlockQueue::Block block = std::move(*blocks_[at]);
      blocks_[at].reset();
      free_.push_back(at);
      queue_->Finish(std::move(block), got);
    }
  }

  // The ring takes nothing now: what is under way may come back first.
  void Rest(int error) {
    if (error == EINTR) return;
    if (!rested_) spdlog::warn("read_uring error={}", std::strerror(error));
    rested_ = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  // Until the queue is closed and what was under way has come back.
  void Work() {
    while (true) {
      TakeBlocks();
      if (queue_->closed() && free_.size() == blocks_.size()) return;
      if (!listening_) ListenForWake();
      if (const int done = io_uring_submit_and_wait(&ring_, 1); done < 0) Rest(-done);
      Collect();
    }
  }

  BlockQueue* queue_ = nullptr;
  io_uring ring_ = {};
  std::vector<std::optional<BlockQueue::Block>> blocks_;  // under way
  std::vector<std::size_t> free_;                         // places in blocks_
  int wake_ = -1;
  std::uint64_t woken_ = 0;
  bool ready_ = false, listening_ = false, rested_ = false;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<BlockWorkers>> StartUring(BlockQueue& queue, std::size_t depth) {
  auto ring = std::make_unique<Uring>();
  if (const int error = ring->Start(queue, depth); error != 0)
    return Fail(Code::kUnsupported, "io_uring: {}", std::strerror(error));
  return std::unique_ptr<BlockWorkers>(std::move(ring));
}

}  // namespace hadal::io
