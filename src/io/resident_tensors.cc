#include "io/resident_tensors.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/units.h"

namespace hadal::io {
namespace {

// What is told of at a time.
constexpr std::uint64_t kPartBytes = std::uint64_t{16} << 20;
constexpr std::chrono::milliseconds kTell{100};

// Counts the parts that have come, and keeps the first error.
class Arrivals {
 public:
  Reader::Done Callback() {
    return [this](std::uint64_t bytes, const Status& status) {
      const std::lock_guard lock(mutex_);
      if (!status.ok() && !error_) error_ = status.error();
      done_ += bytes;
      changed_.notify_all();
    };
  }
  Status WaitFor(std::uint64_t all, const ReadingOptions& options) {
    std::unique_lock lock(mutex_);
    while (done_ < all && !error_) {
      changed_.wait_for(lock, kTell);
      if (options.cancel != nullptr && options.cancel->load(std::memory_order_relaxed))
        return Fail(Code::kCancelled, "stopped");
      if (!options.on_progress) continue;
      const std::uint64_t done = done_;
      lock.unlock();  // reads go on while it is told
      options.on_progress(done, all);
      lock.lock();
    }
    return error_ ? Status(*error_) : Status(Unit{});
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t done_ = 0;
  std::optional<Error> error_;
};

// Runs of tensors that lie together, ascending.
std::vector<FileRange> RunsOf(std::vector<FileRange>& tensors) {
  std::ranges::sort(tensors, {}, &FileRange::begin);
  std::vector<FileRange> runs;
  for (const FileRange& tensor : tensors) {
    if (tensor.begin == tensor.end) continue;
    if (runs.empty() || !Joins(tensor, &runs.back())) runs.push_back(tensor);
  }
  return runs;
}

std::uint64_t HullBytes(const std::vector<FileRange>& runs) {
  std::uint64_t bytes = 0;
  for (const FileRange& run : runs) bytes += run.hull_bytes();
  return bytes;
}

}  // namespace

Result<ResidentTensors::File> ResidentTensors::Lay(FileTensors of) {
  File file;
  file.runs = RunsOf(of.tensors);
  HADAL_TRY(file.memory, DirectBuffer::Create(HullBytes(file.runs), of.path));
  auto run = file.runs.begin();
  std::uint64_t at = 0;  // of the run's hull
  for (const FileRange& tensor : of.tensors) {
    if (tensor.begin == tensor.end) continue;
    while (tensor.begin >= run->end) at += (run++)->hull_bytes();
    file.tensors.emplace(tensor.begin,
                         file.memory.span().subspan(at + (tensor.begin - run->hull_begin()),
                                                    tensor.end - tensor.begin));
  }
  return file;
}

Result<ResidentTensors> ResidentTensors::Read(std::vector<FileTensors> files,
                                              const ReadingOptions& options) {
  ResidentTensors resident;
  for (FileTensors& file : files) resident.bytes_ += HullBytes(RunsOf(file.tensors));
  if (resident.bytes_ > options.most_bytes)
    return Fail(Code::kExhausted,
                "the weights that every token reads, which stay in memory, are {}; there is {} for "
                "them{}",
                FormatBytes(resident.bytes_), FormatBytes(options.most_bytes), options.most_note);
  std::vector<DirectFile> open;
  for (FileTensors& wanted : files) {
    HADAL_TRY(DirectFile file, DirectFile::Open(wanted.path));
    open.push_back(std::move(file));
    HADAL_TRY(File laid, Lay(std::move(wanted)));
    resident.files_.push_back(std::move(laid));
  }

  Arrivals arrivals;
  HADAL_TRY(const auto queue, ReadQueue::Create(arrivals.Callback(), options.tuning));
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < open.size(); ++i) {
    std::byte* to = resident.files_[i].memory.data();
    for (const FileRange& run : resident.files_[i].runs) {
      for (std::uint64_t at = run.hull_begin(); at < run.end; at += kPartBytes) {
        const FileRange part{at, std::min(at + kPartBytes, run.end)};
        const std::uint64_t bytes = part.end - part.begin;
        queue->Submit({.id = bytes, .file = &open[i], .range = part, .to = to});
        to += part.hull_bytes();
        all += bytes;
      }
    }
  }
  HADAL_TRY_STATUS(arrivals.WaitFor(all, options));
  return resident;
}

std::optional<std::span<const std::byte>> ResidentTensors::Find(std::size_t file,
                                                                const FileRange& tensor) const {
  if (tensor.begin == tensor.end) return std::span<const std::byte>();
  if (file >= files_.size()) return {};
  const auto found = files_[file].tensors.find(tensor.begin);
  if (found == files_[file].tensors.end()) return {};
  return std::span<const std::byte>(found->second);
}

}  // namespace hadal::io
