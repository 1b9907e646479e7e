// What a checkpoint folder stores, tensor by tensor, from its index and the headers of the shards
// that are here: names, types as they are written, bytes. Nothing is mapped, no data is read, any
// type will do, and shards may be missing or cut short: for counting, not for running.
//
// With an index, a tensor is the one in the shard that the index names, as io::Checkpoint reads it.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace hadal::io {

struct StoredTensor {
  std::string dtype;  // "U8", "F8_E4M3"
  std::uint64_t bytes = 0;
};

struct StoredTensors {
  std::map<std::string, StoredTensor, std::less<>> tensors;
  std::vector<std::string> elsewhere;        // named by the index, in shards that are not here
  std::size_t shards = 0, shards_here = 0;   // shards: by the index, or by the files' names
  std::optional<std::uint64_t> total_bytes;  // metadata.total_size of the index

  bool complete() const { return shards_here == shards; }
  std::uint64_t bytes() const;  // of the tensors that are here
};

// None: no safetensors files and no index. kCorrupt, kIo: one line that names the file.
Result<std::optional<StoredTensors>> ListStoredTensors(const std::string& directory);

}  // namespace hadal::io
