// How the tensors of a checkpoint that is being written are declared and cut into files.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "arch/inventory.h"
#include "base/result.h"
#include "io/folder.h"
#include "io/safetensors.h"

namespace hadal::convert {

// What must lie in one file: a tensor, and the tensor of its scales if it has one.
using ShardItem = std::vector<io::SafetensorsWriter::Declared>;

ShardItem DeclareStored(const arch::TensorSpec& spec, StoredFormat format);
std::uint64_t BytesOf(const ShardItem& item);

// Items keep the order in which they are given, a run of them a file: no file is larger than
// shard_bytes, unless one item is. Within a file the wide types come first, so that every tensor is
// aligned to its type. The files are named as published: model.safetensors alone, or
// model-00001-of-00002.safetensors and model.safetensors.index.json.
class ShardPlan {
 public:
  ShardPlan(std::vector<ShardItem> items, std::uint64_t shard_bytes);

  std::size_t count() const { return shards_.size(); }
  std::uint64_t total_bytes() const { return total_bytes_; }  // of the tensors
  // Numbers of the items of one file, in the order in which their data must be appended.
  std::span<const std::size_t> ItemsOf(std::size_t shard) const { return shards_[shard]; }

  // kExhausted: the file system of `folder` has less than total_bytes free.
  Status CheckSpace(const std::string& folder) const;
  Result<io::SafetensorsWriter> Create(const io::AtomicFolder& folder, std::size_t shard) const;
  Status WriteIndex(const io::AtomicFolder& folder) const;  // nothing, of a single file

 private:
  std::string Name(std::size_t shard) const;

  std::vector<ShardItem> items_;
  std::vector<std::vector<std::size_t>> shards_;
  std::uint64_t total_bytes_ = 0;
};

}  // namespace hadal::convert
