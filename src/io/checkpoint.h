// A published checkpoint directory: config.json beside model.safetensors, or beside
// model.safetensors.index.json and the shards it names, or (no index) beside model*.safetensors, or
// else any *.safetensors. All shards are mapped; a name found in two shards, or an index that
// disagrees with a shard, is an error. Move-only; views live as long as the Checkpoint.
#pragma once
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
  static Result<Checkpoint> Open(const std::string& directory);

  const std::string& directory() const { return directory_; }
  const Json& config() const { return config_; }           // config.json as it is
  std::vector<std::string> Names() const;                  // sorted
  const TensorInfo* Info(std::string_view name) const;     // null: no such tensor
  const std::string& FileOf(std::string_view name) const;  // of a name that exists
  // kNotFound; the error names the directory.
  Result<TensorView> Find(std::string_view name) const;
  std::uint64_t tensor_bytes() const;

 private:
  Checkpoint() = default;
  std::string directory_;
  Json config_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, std::size_t, std::less<>> file_of_;
};

}  // namespace hadal::io
