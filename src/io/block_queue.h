// The blocks of the reads that wait, in the order in which a disk should read them; for the
// workers of a ReadQueue alone, which take blocks, read them and say what came of it.
#pragma once
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "io/read_queue.h"

namespace hadal::io {

class BlockQueue {
 public:
  struct Job;
  struct Block {
    std::shared_ptr<Job> job;
    const DirectFile* file;
    std::uint64_t offset, bytes;  // whole disk blocks, perhaps beyond the file's end
    std::uint64_t needed;         // of bytes, those that must come
    std::byte* to;
  };

  // most_under_way: blocks that are taken and not finished.
  BlockQueue(Reader::Done done, std::uint64_t block_bytes, std::size_t most_under_way)
      : done_(std::move(done)), block_bytes_(block_bytes) {
    again_.reserve(most_under_way);
  }

  void Add(const Read& read);
  void Raise(std::uint64_t id, Urgency urgency);
  std::optional<Block> Take();         // none: nothing waits, or it is closed
  std::optional<Block> WaitAndTake();  // none: it is closed
  // got: bytes that were read, or an error's number below zero. Calls `done` if the read is over.
  // Nothing is thrown by this and Take: the workers' threads call them.
  void Finish(Block block, std::int64_t got) noexcept;
  // Nothing is handed out any more.
  void Close();
  bool closed() const;

 private:
  std::optional<Block> TakeLocked();
  void PutBack(Block block, std::uint64_t done);

  const Reader::Done done_;
  const std::uint64_t block_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::shared_ptr<Job>> waiting_[kUrgencies];
  std::vector<Block> again_;  // what short reads left over; has room for all that are under way
  bool closed_ = false;
};

// What moves the blocks: threads of its own.
class BlockWorkers {
 public:
  virtual ~BlockWorkers() = default;
  // Ends them, with what is under way; the queue is closed. While anything of the queue goes, none
  // of them may run: who hears of a read's end may submit another.
  virtual void Join() = 0;
  virtual void Wake() = 0;  // blocks were added, or the queue was closed
  virtual const char* name() const = 0;
};
std::unique_ptr<BlockWorkers> StartReadThreads(BlockQueue& queue, std::size_t depth);
Result<std::unique_ptr<BlockWorkers>> StartUring(BlockQueue& queue, std::size_t depth);

}  // namespace hadal::io
