// A published checkpoint directory: config.json beside model.safetensors, or beside
// model.safetensors.index.json and the shards it names, or (no index) beside model*.safetensors, or
// else any *.safetensors. The shards are mapped. An index decides which shard a tensor comes from:
// what it does not name, and copies elsewhere, are left alone with a note, as is every
// model*.safetensors that is no part of the model; without an index a name found in two shards is
// an error. Move-only; views live as long as the Checkpoint.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "io/safetensors.h"

namespace hadal::io {

class Checkpoint {
 public:
  using WeightMap =
      std::map<std::string, std::string, std::less<>>;  // tensor -> shard, of an index

  // wanted: of a part of a checkpoint, whether a tensor of this name is needed; shards that hold no
  // such tensor by the index need not be there. Empty: all are needed.
  // kNotFound: a shard or a tensor of the index is missing, which is said with how many are.
  static Result<Checkpoint> Open(const std::string& directory,
                                 const std::function<bool(std::string_view)>& wanted = {});

  const std::string& directory() const { return directory_; }
  const Json& config() const { return config_; }           // config.json as it is
  std::vector<std::string> Names() const;                  // sorted
  const TensorInfo* Info(std::string_view name) const;     // null: no such tensor
  const std::string& FileOf(std::string_view name) const;  // of a name that exists
  // kNotFound; the error names the directory.
  Result<TensorView> Find(std::string_view name) const;
  std::uint64_t tensor_bytes() const;
  const std::vector<std::string>& notes() const {
    return notes_;
  }  // what was left alone, a line each

 private:
  Checkpoint() = default;
  Status TakeTensors(const SafetensorsFile& file, const WeightMap* index);
  std::string directory_;
  Json config_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, std::size_t, std::less<>> file_of_;
  std::vector<std::string> notes_;
};

}  // namespace hadal::io
