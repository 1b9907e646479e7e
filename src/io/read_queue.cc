#include "io/read_queue.h"

#include <utility>

#include "io/block_queue.h"

namespace hadal::io {

Result<std::unique_ptr<ReadQueue>> ReadQueue::Create(Done done, const ReadTuning& tuning,
                                                     ReadBackend backend) {
  HADAL_CHECK(tuning.depth > 0 && tuning.block_bytes > 0 && tuning.block_bytes % kDiskBlock == 0);
  std::unique_ptr<ReadQueue> queue(new ReadQueue());
  queue->blocks_ = std::make_unique<BlockQueue>(std::move(done), tuning.block_bytes, tuning.depth);
  if (backend != ReadBackend::kThreads) {
    auto ring = StartUring(*queue->blocks_, tuning.depth);
    if (ring.ok())
      queue->workers_ = std::move(*ring);
    else if (backend == ReadBackend::kUring)
      return ring.error();
  }
  if (queue->workers_ == nullptr) queue->workers_ = StartReadThreads(*queue->blocks_, tuning.depth);
  return queue;
}

ReadQueue::ReadQueue() = default;

ReadQueue::~ReadQueue() {
  if (workers_ == nullptr) return;
  blocks_->Close();
  workers_->Wake();
  workers_->Join();
}

void ReadQueue::Submit(const Read& read) {
  if (blocks_->closed()) return;  // of a `done` while the queue ends
  blocks_->Add(read);
  workers_->Wake();
}

void ReadQueue::Raise(std::uint64_t id, Urgency urgency) { blocks_->Raise(id, urgency); }

const char* ReadQueue::backend() const { return workers_->name(); }

}  // namespace hadal::io
