// Reading the disk as the engine reads experts from it: through io::ReadQueue, past the page cache.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/random.h"
#include "io/page_cache.h"
#include "io/system_error.h"
#include "machine/measure.h"

namespace hadal::machine {
namespace {

constexpr std::uint64_t kReadBytes = std::uint64_t{4} << 20;  // about a matrix of an expert
constexpr std::uint64_t kTrialBytes = std::uint64_t{256} << 20;
constexpr std::uint64_t kKiB = 1024, kMiB = kKiB * kKiB;
constexpr std::size_t kDepths[] = {4, 16, 64};
constexpr std::uint64_t kFirstBlock = kMiB, kOtherBlocks[] = {256 * kKiB, 4 * kMiB};
constexpr double kAsFast = 0.97;  // what differs by less is as fast

// A file of random bytes (disks and their drivers know zeros). It has no name in its folder once it
// is open, so that nothing is left of it however this ends.
class ScratchFile {
 public:
  static Result<ScratchFile> Create(const std::string& folder, std::uint64_t bytes) {
    std::string path = folder + "/hadal-disk-XXXXXX";
    const int fd = mkostemp(path.data(), O_CLOEXEC);
    if (fd < 0) return io::SystemError(folder, "write a file in it");
    unlink(path.c_str());
    ScratchFile file(std::move(path), fd);
    HADAL_TRY(const io::DirectBuffer block,
              io::DirectBuffer::Create(kReadBytes, "a block to write"));
    Random random(bytes);
    for (std::uint64_t at = 0; at < bytes; at += kReadBytes) {
      for (std::size_t i = 0; i < kReadBytes; i += 8) {
        const std::uint64_t word = random.Next();
        std::memcpy(block.data() + i, &word, 8);
      }
      HADAL_TRY_STATUS(file.Write(block.span()));
      if (const std::uint64_t end = at + kReadBytes; end % io::kPassedBytes == 0)
        if (!io::FlushAndForget(fd, end - io::kPassedBytes, end))
          return io::SystemError(file.path_, "write");
    }
    if (fsync(fd) != 0) return io::SystemError(file.path_, "flush");
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);  // for file systems without direct reads
    return file;
  }
  ScratchFile(ScratchFile&& other) noexcept
      : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
  ScratchFile& operator=(ScratchFile&&) = delete;
  ~ScratchFile() {
    if (fd_ >= 0) close(fd_);
  }
  std::string link() const { return "/proc/self/fd/" + std::to_string(fd_); }  // to open it again

 private:
  ScratchFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  Status Write(std::span<const std::byte> block) const {
    while (!block.empty()) {
      const ssize_t put = write(fd_, block.data(), block.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return io::SystemError(path_, "write");
      block = block.subspan(static_cast<std::size_t>(put));
    }
    return Unit{};
  }
  std::string path_;
  int fd_;
};

// The time of reading a part of a file with one tuning. As many reads wait as the tuning could have
// under way, each with its own part of the memory.
class TimedReads {
 public:
  TimedReads(const io::DirectFile& file, const io::DirectBuffer& memory, std::uint64_t begin,
             std::uint64_t end)
      : file_(file), memory_(memory), next_(begin), end_(end) {}

  Result<DiskTrial> Run(const io::ReadTuning& tuning) {
    const std::uint64_t bytes = end_ - next_;
    HADAL_TRY(
        const std::unique_ptr<io::ReadQueue> queue,
        io::ReadQueue::Create(
            [this](std::uint64_t slot, const Status& status) { OnRead(slot, status); }, tuning));
    const Stopwatch clock;
    std::unique_lock lock(mutex_);
    queue_ = queue.get();
    for (std::uint64_t slot = 0; slot < memory_.bytes() / kReadBytes; ++slot) Submit(slot);
    over_.wait(lock, [&] { return under_way_ == 0; });
    if (failed_) return *failed_;
    return DiskTrial{tuning, queue->backend(), static_cast<double>(bytes) / clock.seconds()};
  }

 private:
  void Submit(std::uint64_t slot) {
    if (next_ == end_ || failed_) return;
    queue_->Submit({.id = slot,
                    .file = &file_,
                    .range = {next_, next_ + kReadBytes},
                    .to = memory_.data() + slot * kReadBytes});
    next_ += kReadBytes;
    ++under_way_;
  }
  void OnRead(std::uint64_t slot, const Status& status) {
    const std::scoped_lock lock(mutex_);
    --under_way_;
    if (!status.ok() && !failed_) failed_ = status.error();
    Submit(slot);
    if (under_way_ == 0) over_.notify_all();
  }

  const io::DirectFile& file_;
  const io::DirectBuffer& memory_;
  std::mutex mutex_;  // of all below
  std::condition_variable over_;
  io::ReadQueue* queue_ = nullptr;
  std::uint64_t next_, end_;
  std::size_t under_way_ = 0;
  std::optional<Error> failed_;
};

std::uint64_t UnderWay(const io::ReadTuning& tuning) { return tuning.depth * tuning.block_bytes; }

}  // namespace

const DiskTrial& BestTrial(const std::vector<DiskTrial>& trials) {
  HADAL_CHECK(!trials.empty());
  double most = 0;
  for (const DiskTrial& trial : trials) most = std::max(most, trial.bytes_per_s);
  const DiskTrial* best = nullptr;
  for (const DiskTrial& trial : trials) {
    if (trial.bytes_per_s < kAsFast * most) continue;
    if (best == nullptr || UnderWay(trial.tuning) < UnderWay(best->tuning)) best = &trial;
  }
  return *best;
}

Result<DiskRate> MeasureDisk(const std::string& folder, std::uint64_t bytes) {
  bytes = std::max<std::uint64_t>(bytes / kReadBytes, 1) * kReadBytes;
  HADAL_TRY(const ScratchFile scratch, ScratchFile::Create(folder, bytes));
  HADAL_TRY(const io::DirectFile file, io::DirectFile::Open(scratch.link()));
  const std::uint64_t most_under_way = std::ranges::max(kDepths) * std::ranges::max(kOtherBlocks);
  HADAL_TRY(const io::DirectBuffer memory,
            io::DirectBuffer::Create(std::min(bytes, most_under_way), "reading the disk"));

  DiskRate rate{.folder = folder, .bytes = bytes, .direct = file.direct()};
  const auto try_out = [&](const io::ReadTuning& tuning) -> Status {
    const std::uint64_t part = std::min(bytes, kTrialBytes);
    const std::uint64_t begin = rate.trials.size() * part % (bytes - part + kReadBytes);
    HADAL_TRY(DiskTrial trial,
              TimedReads(file, memory, begin, std::min(begin + part, bytes)).Run(tuning));
    rate.trials.push_back(std::move(trial));
    return Unit{};
  };
  for (const std::size_t depth : kDepths)
    HADAL_TRY_STATUS(try_out({.depth = depth, .block_bytes = kFirstBlock}));
  const std::size_t depth = BestTrial(rate.trials).tuning.depth;
  for (const std::uint64_t block : kOtherBlocks)
    HADAL_TRY_STATUS(try_out({.depth = depth, .block_bytes = block}));
  HADAL_TRY(rate.best, TimedReads(file, memory, 0, bytes).Run(BestTrial(rate.trials).tuning));
  return rate;
}

}  // namespace hadal::machine
