// A published checkpoint directory: config.json beside model.safetensors, or beside
// model.safetensors.index.json and the shards it names, or (no index) beside model*.safetensors, or
// else any *.safetensors. The shards are mapped, or some tensors are read into memory and the
// others left where they are. An index decides which shard a tensor comes from:
// what it does not name, and copies elsewhere, are left alone with a note, as is every
// model*.safetensors that is no part of the model; without an index a name found in two shards is
// an error. Move-only; views live as long as the Checkpoint.
#pragma once
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "io/resident_tensors.h"
#include "io/safetensors.h"

namespace hadal::io {

// Which tensors are read into memory, for a checkpoint that is not mapped (io/resident_tensors.h).
struct Residency {
  std::function<bool(std::string_view name, const TensorInfo& info)> wanted;
  ReadingOptions reading = {};
};

class Checkpoint {
 public:
  using WeightMap =
      std::map<std::string, std::string, std::less<>>;  // tensor -> shard, of an index

  // wanted: of a part of a checkpoint, whether a tensor of this name is needed; shards that hold no
  // such tensor by the index need not be there. Empty: all are needed.
  // kNotFound: a shard or a tensor of the index is missing, which is said with how many are.
  static Result<Checkpoint> Open(const std::string& directory,
                                 const std::function<bool(std::string_view)>& wanted = {});
  // Whole, but nothing is mapped. kExhausted: what is to be resident is more than it may be, found
  // out before it is read. kCancelled.
  static Result<Checkpoint> OpenUnmapped(const std::string& directory, const Residency& residency);

  const std::string& directory() const { return directory_; }
  const Json& config() const { return config_; }            // config.json as it is
  std::vector<std::string> Names() const;                   // sorted
  const TensorInfo* Info(std::string_view name) const;      // null: no such tensor
  const std::string& FileOf(std::string_view name) const;   // of a name that exists
  const std::string& StampOf(std::string_view name) const;  // of that file, before it was opened
  // kNotFound; the error names the directory.
  Result<TensorView> Find(std::string_view name) const;
  std::uint64_t tensor_bytes() const;
  bool mapped() const { return mapped_; }
  std::uint64_t resident_bytes() const { return resident_.bytes(); }  // of one that is not mapped
  const std::vector<std::string>& notes() const {
    return notes_;
  }  // what was left alone, a line each

 private:
  Checkpoint() = default;
  static Result<Checkpoint> Open(const std::string& directory,
                                 const std::function<bool(std::string_view)>& wanted, bool mapped);
  Status TakeTensors(const SafetensorsFile& file, const WeightMap* index);
  std::string directory_;
  Json config_;
  bool mapped_ = true;
  std::vector<SafetensorsFile> files_;
  ResidentTensors resident_;
  std::map<std::string, std::size_t, std::less<>> file_of_;
  std::vector<std::string> notes_;
};

}  // namespace hadal::io
