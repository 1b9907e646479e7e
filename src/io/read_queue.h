// Reads of files that wait in a queue, several under way at a time: what fills a disk.
//
//   const auto done = [&](std::uint64_t id, Status status) { ... };  // on the queue's threads
//   HADAL_TRY(const auto queue, ReadQueue::Create(done));
//   queue->Submit({.id = 7, .file = &file, .range = {a, b}, .to = memory});
//
// A read is cut into blocks of ReadTuning::block_bytes; the blocks of the most urgent read that
// came first go first, so that it is whole as early as can be. The work under the queue is done by
// the kernel's io_uring, or, where that is not allowed or not there, by threads of their own with
// pread: both read the same bytes. Short reads are gone on with; what cannot be read is an Error
// that names file and offset, once for the read.
//
// Any thread submits; `done` is called once for every read, without a lock of the queue held, and
// may submit. The files and the memory outlive the read. The queue's end waits for what is under
// way and drops, without a call, what has not begun.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "io/direct_file.h"

namespace hadal::io {

enum class Urgency : std::uint8_t { kNow, kSoon, kGuess };
inline constexpr std::size_t kUrgencies = 3;

struct Read {
  std::uint64_t id = 0;  // the reader's own
  const DirectFile* file = nullptr;
  FileRange range;          // not empty
  std::byte* to = nullptr;  // aligned, with room for the range's hull
  Urgency urgency = Urgency::kNow;
};

// How a disk is read; what is best for one: io/disk_tuning.h.
struct ReadTuning {
  std::size_t depth = 16;                              // blocks under way
  std::uint64_t block_bytes = std::uint64_t{1} << 20;  // a multiple of kDiskBlock
};

enum class ReadBackend : std::uint8_t { kBest, kUring, kThreads };

// Who reads: an interface, so that tests can read late, in another order, or not at all.
class Reader {
 public:
  using Done = std::function<void(std::uint64_t id, Status status)>;
  virtual ~Reader() = default;
  virtual void Submit(const Read& read) = 0;
  // Those of this id that wait become as urgent as that, if they were less so.
  virtual void Raise(std::uint64_t id, Urgency urgency) = 0;
};

class BlockQueue;
class BlockWorkers;

class ReadQueue final : public Reader {
 public:
  // kUnsupported: kUring is asked for and not to be had. kBest never fails for that.
  static Result<std::unique_ptr<ReadQueue>> Create(Done done, const ReadTuning& tuning = {},
                                                   ReadBackend backend = ReadBackend::kBest);
  ~ReadQueue() override;
  void Submit(const Read& read) override;
  void Raise(std::uint64_t id, Urgency urgency) override;
  const char* backend() const;  // "io_uring", "threads"

 private:
  ReadQueue();
  std::unique_ptr<BlockQueue> blocks_;  // outlives the workers
  std::unique_ptr<BlockWorkers> workers_;
};

}  // namespace hadal::io
