#include "cache/model_digest.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/libm_digest.h"
#include "base/units.h"
#include "cache/arithmetic.h"
#include "cache/state_file.h"
#include "cache/weight_digests.h"
#include "io/file_stamp.h"
#include "io/input_file.h"
#include "io/safetensors.h"
#include "kernels/isa.h"

namespace hadal::cache {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{4} << 20;

class FileDigests {
 public:
  FileDigests(const io::Checkpoint& checkpoint, SegmentStore& memory, const DigestOptions& options)
      : beside_(WeightDigests::Beside(checkpoint.directory())),
        memory_(memory),
        options_(options),
        mapped_(checkpoint.mapped()) {}

  // stamps: of each path, as it was when it was loaded. Nothing is known of what was loaded from
  // one that is another by now.
  Status Read(const std::map<std::string, std::string>& stamps) {
    std::map<std::string, std::string> unknown;  // path to stamp
    std::uint64_t bytes = 0;                     // of all files
    for (const auto& [path, stamp] : stamps) {
      HADAL_TRY_STATUS(CheckStamp(path, stamp));
      HADAL_TRY(const io::InputFile file, io::InputFile::Open(path));
      bytes += file.bytes();
      if (const auto known = Known(path, stamp)) {
        digests_[path] = *known;
        continue;
      }
      unknown[path] = stamp;
      all_ += file.bytes();
    }
    for (const auto& [path, stamp] : unknown) {
      HADAL_TRY(digests_[path], ReadOne(path));
      HADAL_TRY_STATUS(CheckStamp(path, stamp));
      if (bytes >= options_.beside_from_bytes && beside_.Keep(path, stamp, digests_[path]).ok())
        continue;
      // If not, as while another program writes for long, it is read again next time.
      static_cast<void>(memory_.Remember(stamp, digests_[path].Hex()));
    }
    return Unit{};
  }
  const io::Digest& Of(const std::string& path) const { return digests_.at(path); }

 private:
  std::optional<io::Digest> Known(const std::string& path, const std::string& stamp) {
    if (const auto known = beside_.Of(path, stamp)) return known;
    const auto known = memory_.Recall(stamp);
    return known ? io::Digest::FromHex(*known) : std::nullopt;
  }

  static Status CheckStamp(const std::string& path, const std::string& stamp) {
    HADAL_TRY(const std::string now, io::FileStamp(path));
    if (now == stamp) return Unit{};
    return Fail(Code::kCorrupt, "{}: is another file than the one that was loaded; start again",
                path);
  }

  Result<io::Digest> ReadOne(const std::string& path) {
    HADAL_TRY(const io::InputFile file, io::InputFile::Open(path));
    io::Digester digester;
    std::vector<std::byte> piece;
    for (std::uint64_t at = 0; at < file.bytes(); at += piece.size()) {
      if (options_.cancel != nullptr && options_.cancel->load(std::memory_order_relaxed))
        return Fail(Code::kCancelled, "{}: stopped while its digest was made", path);
      piece.resize(std::min<std::uint64_t>(kPieceBytes, file.bytes() - at));
      HADAL_TRY_STATUS(file.Read(at, piece));
      digester.Add(piece);
      // Weights that are not mapped have their place in memory elsewhere.
      if (!mapped_) file.Forget(at, piece.size());
      done_ += piece.size();
      if (options_.on_reading) options_.on_reading(done_, all_);
    }
    return digester.Get();
  }

  WeightDigests beside_;
  SegmentStore& memory_;
  const DigestOptions& options_;
  const bool mapped_;
  std::map<std::string, io::Digest> digests_;
  std::uint64_t done_ = 0, all_ = 0;
};

}  // namespace

Result<io::Digest> ModelDigest(const model::Model& model, const arch::Numerics& numerics,
                               const arch::KvLayout& layout, SegmentStore& memory,
                               const DigestOptions& options) {
  const io::Checkpoint& checkpoint = model.checkpoint();
  const std::vector<std::string> names = checkpoint.Names();
  std::map<std::string, std::string> stamps;
  for (const std::string& name : names) stamps[checkpoint.FileOf(name)] = checkpoint.StampOf(name);
  FileDigests files(checkpoint, memory, options);
  HADAL_TRY_STATUS(files.Read(stamps));
  io::Digester all;
  all.Add("hadal state " HADAL_VERSION)
      .Add(kStateFileVersion)
      .Add(kArithmetic)
      .Add(LibmDigest())
      .Add(kernels::IsaName(kernels::ActiveIsa()));
  all.Add(arch::ConfigToJson(model.config, false).Dump());
  // All of them: with one more this does not compile.
  const auto [bf16_activations, fp8_linear_inputs, fp8_kv, quantised_indexer, packed_cache,
              integer_inputs] = numerics;
  for (const bool set : {bf16_activations, fp8_linear_inputs, fp8_kv, quantised_indexer,
                         packed_cache, integer_inputs})
    all.Add(std::uint64_t{set ? 1u : 0u});
  for (const std::size_t size : {layout.window, layout.window_slots, layout.entry_bytes,
                                 layout.index_key_bytes, layout.page_bytes, layout.fixed_bytes})
    all.Add(std::uint64_t{size});
  // Where in a file a tensor lies is in the file.
  for (const std::string& name : names) all.Add(name).Add(files.Of(checkpoint.FileOf(name)));
  return all.Get();
}

}  // namespace hadal::cache
