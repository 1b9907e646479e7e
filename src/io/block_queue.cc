#include "io/block_queue.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "base/exceptions.h"

namespace hadal::io {

struct BlockQueue::Job {
  Read read;
  std::uint64_t next = 0;  // where the first block that nobody has taken begins
  std::size_t under_way = 0;
  std::optional<Error> error = {};
  bool taken() const { return next >= read.range.end; }
};

void BlockQueue::Add(const Read& read) {
  HADAL_CHECK(read.range.begin < read.range.end);
  const std::lock_guard lock(mutex_);
  waiting_[static_cast<std::size_t>(read.urgency)].push_back(
      std::make_shared<Job>(Job{.read = read, .next = read.range.hull_begin()}));
  arrived_.notify_all();
}

void BlockQueue::Raise(std::uint64_t id, Urgency urgency) {
  const std::lock_guard lock(mutex_);
  const auto to = static_cast<std::size_t>(urgency);
  for (std::size_t from = to + 1; from < kUrgencies; ++from) {
    const auto is = [&](const std::shared_ptr<Job>& job) { return job->read.id == id; };
    // There before it goes here: a job that lies in two queues does no harm, a lost one would.
    std::ranges::copy_if(waiting_[from], std::back_inserter(waiting_[to]), is);
    std::erase_if(waiting_[from], is);
  }
}

std::optional<BlockQueue::Block> BlockQueue::TakeLocked() {
  if (closed_) return {};
  if (!again_.empty()) {
    Block block = std::move(again_.back());
    again_.pop_back();
    return block;
  }
  for (auto& jobs : waiting_) {
    while (!jobs.empty() && jobs.front()->taken()) jobs.pop_front();  // a read that has failed
    if (jobs.empty()) continue;
    const std::shared_ptr<Job> job = jobs.front();
    const FileRange& range = job->read.range;
    const std::uint64_t offset = job->next;
    const std::uint64_t bytes = std::min(block_bytes_, range.hull_end() - offset);
    job->next += bytes;
    ++job->under_way;
    if (job->taken()) jobs.pop_front();
    return Block{.job = job,
                 .file = job->read.file,
                 .offset = offset,
                 .bytes = bytes,
                 .needed = std::min(bytes, range.end - offset),
                 .to = job->read.to + (offset - range.hull_begin())};
  }
  return {};
}

std::optional<BlockQueue::Block> BlockQueue::Take() {
  const std::lock_guard lock(mutex_);
  return TakeLocked();
}

std::optional<BlockQueue::Block> BlockQueue::WaitAndTake() {
  std::unique_lock lock(mutex_);
  std::optional<Block> block;
  arrived_.wait(lock, [&] {
    block = TakeLocked();
    return block.has_value() || closed_;
  });
  return block;
}

// But for its first bytes, which are there.
void BlockQueue::PutBack(Block block, std::uint64_t done) {
  block.offset += done;
  block.bytes -= done;
  block.needed -= done;
  block.to += done;
  again_.push_back(std::move(block));
  arrived_.notify_one();
}

void BlockQueue::Finish(Block block, std::int64_t got) noexcept {
  Job& job = *block.job;
  // Before it is counted as over: whoever is told so may close the file.
  block.file->Forget(block.offset, block.bytes);
  // What went wrong, or, where there is no memory for the words, some that need none.
  const auto fail = [&](auto&& error) {
    if (!Caught([&] { job.error = error(); }).ok()) job.error = Error{Code::kIo, "cannot read it"};
  };
  std::unique_lock lock(mutex_);
  if (got == -EINTR || got == -EAGAIN) return PutBack(std::move(block), 0);
  if (got < 0) {
    if (!job.error)
      fail([&] { return block.file->ReadError(block.offset, static_cast<int>(-got)); });
  } else if (static_cast<std::uint64_t>(got) < block.needed) {
    // Direct reads go on at a whole block; less than one is the file's end.
    const std::uint64_t reached = block.offset + static_cast<std::uint64_t>(got);
    const std::uint64_t whole = reached / kDiskBlock * kDiskBlock;
    const std::uint64_t done = whole - std::min(whole, block.offset);
    if (done > 0) return PutBack(std::move(block), done);
    if (!job.error) fail([&] { return block.file->EndsAt(reached, job.read.range.end); });
  }
  if (job.error) job.next = job.read.range.hull_end();
  --job.under_way;
  const bool over = job.under_way == 0 && job.taken();
  lock.unlock();
  if (over) done_(job.read.id, job.error ? Status(std::move(*job.error)) : Status(Unit{}));
}

void BlockQueue::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  arrived_.notify_all();
}

bool BlockQueue::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

}  // namespace hadal::io
