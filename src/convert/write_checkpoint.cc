#include "convert/write_checkpoint.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/units.h"
#include "io/file.h"
#include "io/folder.h"

namespace hadal::convert {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFilesToCopy[] = {"tokenizer.json", "tokenizer_config.json",
                                        "generation_config.json", "special_tokens_map.json",
                                        "LICENSE"};

struct Copy {
  const char* name;
  std::string text;
};

// What is there, of the files that go with a model. A link to nothing is an error.
Result<std::vector<Copy>> ReadCopies(const std::string& from) {
  std::vector<Copy> copies;
  for (const char* name : kFilesToCopy) {
    const std::string path = (fs::path(from) / name).string();
    std::error_code ignored;
    if (from.empty() || !fs::exists(fs::symlink_status(path, ignored))) continue;
    HADAL_TRY(std::string text, io::ReadFile(path));
    copies.push_back({name, std::move(text)});
  }
  return copies;
}

// The name that the folder has while it is written is gone when an error is read.
Error Renamed(Error error, const std::string& from, const std::string& to) {
  if (const std::size_t at = error.what.find(from); at != std::string::npos)
    error.what.replace(at, from.size(), to);
  return error;
}

}  // namespace

Status TensorSink::Append(std::span<const std::byte> bytes) {
  if (!failed_.ok()) return failed_;
  const bool stop = cancel_ != nullptr && cancel_->load(std::memory_order_relaxed);
  failed_ = stop ? Fail(Code::kCancelled, "stopped") : file_->Append(bytes);
  if (!failed_.ok()) return failed_;
  done_ += bytes.size();
  const double rate = progress_->PerSecond(done_);
  progress_->Set(done_, FormatBytes(static_cast<std::uint64_t>(rate)) + "/s");
  return Unit{};
}

Status TensorSink::AppendScales(std::span<const std::byte> scales) {
  scales_.insert(scales_.end(), scales.begin(), scales.end());
  return Unit{};
}

class CheckpointWriter {
 public:
  CheckpointWriter(std::span<const ToStore> tensors, const WriteOptions& options,
                   const GiveTensor& give)
      : plan_(ShardItems(tensors), options.shard_bytes),
        give_(give),
        progress_("writing", plan_.total_bytes(), options.quiet),
        sink_(&progress_, options.cancel) {}

  const ShardPlan& plan() const { return plan_; }

  // config.json comes last: without it the folder is no checkpoint.
  Status WriteTo(const io::AtomicFolder& folder, const std::vector<Copy>& copies,
                 const Json& config) {
    HADAL_TRY_STATUS(plan_.CheckSpace(folder.File("")));
    for (std::size_t i = 0; i < plan_.count(); ++i) HADAL_TRY_STATUS(WriteShard(folder, i));
    HADAL_TRY_STATUS(plan_.WriteIndex(folder));
    for (const Copy& copy : copies)
      HADAL_TRY_STATUS(io::WriteFile(folder.File(copy.name), copy.text));
    return io::WriteFile(folder.File("config.json"), config.Dump(2) + "\n");
  }

 private:
  Status WriteShard(const io::AtomicFolder& folder, std::size_t shard) {
    HADAL_TRY(auto file, plan_.Create(folder, shard));
    sink_.file_ = &file;
    for (const ShardItem* item : plan_.ItemsOf(shard)) {
      for (const std::size_t tensor : item->tensors) {
        Status given = give_(tensor, sink_);
        HADAL_TRY_STATUS(sink_.failed_);
        if (!given.ok()) return given;
      }
      HADAL_TRY_STATUS(sink_.Append(sink_.scales_));
      sink_.scales_.clear();
    }
    return file.Finish();
  }

  const ShardPlan plan_;
  const GiveTensor& give_;
  Progress progress_;
  TensorSink sink_;
};

Result<CheckpointReport> WriteCheckpoint(const std::string& out, std::span<const ToStore> tensors,
                                         const CheckpointFiles& files, const WriteOptions& options,
                                         const GiveTensor& give) {
  HADAL_TRY(const std::vector<Copy> copies, ReadCopies(files.tokenizer));  // before the long work
  HADAL_TRY(io::AtomicFolder folder, io::AtomicFolder::Create(out, options.replace));
  CheckpointWriter writer(tensors, options, give);
  if (const Status written = writer.WriteTo(folder, copies, files.config); !written.ok())
    return Renamed(written.error(), folder.File(""), out + "/");
  HADAL_TRY_STATUS(folder.Commit());
  return CheckpointReport{.tensors = tensors.size(),
                          .files = writer.plan().count(),
                          .bytes = writer.plan().total_bytes()};
}

}  // namespace hadal::convert
