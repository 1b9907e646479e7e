#include "io/disk_tuning.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <system_error>

#include "base/json.h"
#include "base/state_file.h"
#include "io/file.h"
#include "io/folder.h"
#include "io/system_error.h"

namespace hadal::io {
namespace {

constexpr std::uint64_t kMostFileBytes = 1 << 20;
constexpr std::uint64_t kMostDepth = 1024, kMostBlockBytes = std::uint64_t{64} << 20;
constexpr const char* kDisks = "disks";

Result<std::string> DiskOf(const std::string& path) {
  struct stat about = {};
  if (::stat(path.c_str(), &about) != 0) return SystemError(path, "look at");
  return fmt::format("{}:{}", major(about.st_dev), minor(about.st_dev));
}

Json ReadKept(const std::string& file) {
  Json nothing = Json::MakeObject({{kDisks, Json::MakeObject({})}});
  const auto text =
      file.empty() ? Result<std::string>(std::string()) : ReadFile(file, kMostFileBytes);
  if (!text.ok()) return nothing;
  Result<Json> json = ParseJson(*text);
  const Json* disks = json.ok() ? json->Find(kDisks) : nullptr;
  return disks != nullptr && disks->AsObject() != nullptr ? *std::move(json) : nothing;
}

std::optional<DiskTuning> Parsed(const Json& disk) {
  const Json* depth = disk.Find("depth");
  const Json* block = disk.Find("block_bytes");
  const Json* rate = disk.Find("bytes_per_s");
  if (depth == nullptr || block == nullptr || rate == nullptr) return {};
  const std::uint64_t d = depth->AsUnsigned().value_or(0), b = block->AsUnsigned().value_or(0);
  if (d < 1 || d > kMostDepth || b < 1 || b > kMostBlockBytes || b % kDiskBlock != 0) return {};
  return DiskTuning{{.depth = d, .block_bytes = b}, rate->AsNumber().value_or(0)};
}

}  // namespace

std::string DiskTuningFile() { return StateFile("disks.json"); }

std::optional<DiskTuning> KeptTuning(const std::string& path, const std::string& file) {
  const Result<std::string> disk = DiskOf(path);
  if (!disk.ok()) return {};
  const Json kept = ReadKept(file);
  const Json* found = kept.Find(kDisks)->Find(*disk);
  return found == nullptr ? std::nullopt : Parsed(*found);
}

ReadTuning TuningFor(const std::string& path) {
  const auto kept = KeptTuning(path);
  return kept ? kept->tuning : ReadTuning{};
}

Status KeepTuning(const std::string& path, const DiskTuning& measured, const std::string& file) {
  if (file.empty()) return Fail(Code::kNotFound, "no home folder to keep what was measured in");
  HADAL_TRY(const std::string disk, DiskOf(path));
  Json kept = ReadKept(file);
  Json disks = *kept.Find(kDisks);
  disks.Set(disk, Json::MakeObject({{"depth", std::uint64_t{measured.tuning.depth}},
                                    {"block_bytes", measured.tuning.block_bytes},
                                    {"bytes_per_s", measured.bytes_per_s}}));
  kept.Set(kDisks, std::move(disks));
  HADAL_TRY_STATUS(MakeFolder(std::filesystem::path(file).parent_path().string()));
  return WriteFile(file, kept.Dump(2) + "\n");
}

}  // namespace hadal::io
