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

// Any dtype of the format (F32, BF16; F8_E4M3 with its 128x128 F8_E8M0 `scale`; I8 holding two FP4
// codes a byte, low nibble the even column, with its 1x32 `scale`) as exact float32, row-major.
// `scale` is null for F32 and BF16. kInvalid: a scale that is missing or of the wrong shape.
Result<std::vector<float>> DecodeFloats(const TensorView& weight, const TensorView* scale);
// The same for rows [begin, begin + count) of a matrix, so that it need never be whole in memory. A
// tensor of another rank is one row.
Result<std::vector<float>> DecodeRows(const TensorView& weight, const TensorView* scale,
                                      std::size_t begin, std::size_t count);
// What the two check of a tensor before they decode it.
Status CheckFloats(const TensorView& weight, const TensorView* scale);
Result<std::vector<std::int64_t>> DecodeInts(const TensorView& tensor);  // I8, U8, I32, I64

}  // namespace hadal::io
