// The files of a checkpoint folder, by their names and by the index: what is where, before any of
// them is opened.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hadal::io {

inline constexpr std::string_view kSingleFile = "model.safetensors";
inline constexpr std::string_view kIndexFile = "model.safetensors.index.json";

struct CheckpointIndex {
  std::map<std::string, std::string, std::less<>> shard_of;  // by tensor, at least one
  std::optional<std::uint64_t> total_bytes;                  // metadata.total_size, where it is one
};

// kNotFound, kIo, kCorrupt: names the file, the tensor, and what was expected. A shard is the plain
// name of a .safetensors file: it lies in the folder, whatever an index from the network says.
Result<CheckpointIndex> ReadCheckpointIndex(const std::string& directory);

// Every *.safetensors of a folder, sorted; of names that begin with "model", if there are any, only
// those, because other files of tensors may lie beside a model. kIo.
Result<std::vector<std::string>> ListWeightFiles(const std::string& directory);

// kCorrupt too where it is no object. max_bytes: a file that is larger is none of this kind.
Result<Json> ReadJsonObject(const std::string& path, std::uint64_t max_bytes);

std::string InFolder(const std::string& directory, std::string_view name);

// The name of a folder, however it was put: of "models/embedded/" embedded, of "." the working
// folder's. Empty: the root has none.
std::string NameOfFolder(const std::string& directory);

}  // namespace hadal::io
