// How the tensors of a checkpoint that is being written are declared and cut into files.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "arch/inventory.h"
#include "base/result.h"
#include "io/folder.h"
#include "io/safetensors.h"

namespace hadal::convert {

// A tensor of the model, and how its numbers are to be stored. The spec outlives this.
struct ToStore {
  const arch::TensorSpec* spec = nullptr;
  StoredFormat format = StoredFormat::kF32;
};

// What lies in one file, in one piece: the codes of its tensors and, behind them, their scales. An
// item is one tensor, or the three matrices of a routed expert: whoever fetches an expert, from a
// disk or from another machine, then reads its weights as one range and its scales as another.
struct ShardItem {
  std::vector<std::size_t> tensors;  // numbers in the list
  std::vector<io::SafetensorsWriter::Declared> declared;

  std::uint64_t bytes() const;
};

// One behind the other, as they follow each other in the list (arch/inventory.h lists an expert's
// matrices together).
std::vector<ShardItem> ShardItems(std::span<const ToStore> tensors);

// Items keep their order, a run of them a file: no file is larger than shard_bytes, unless one item
// is. Within a file the wide types come first, so that every tensor is aligned to its type. The
// files are named as published: model.safetensors alone, or model-00001-of-00002.safetensors and
// model.safetensors.index.json.
class ShardPlan {
 public:
  ShardPlan(std::vector<ShardItem> items, std::uint64_t shard_bytes);

  std::size_t count() const { return shards_.size(); }
  std::uint64_t total_bytes() const { return total_bytes_; }  // of the tensors
  // The items of one file, in the order in which their data must be appended.
  std::vector<const ShardItem*> ItemsOf(std::size_t shard) const;

  // kExhausted: the file system of `folder` has less than total_bytes free.
  Status CheckSpace(const std::string& folder) const;
  Result<io::SafetensorsWriter> Create(const io::AtomicFolder& folder, std::size_t shard) const;
  Status WriteIndex(const io::AtomicFolder& folder) const;  // nothing, of a single file

 private:
  std::string Name(std::size_t shard) const;

  std::vector<ShardItem> items_;
  std::vector<std::vector<std::size_t>> shards_;  // numbers of items
  std::uint64_t total_bytes_ = 0;
};

}  // namespace hadal::convert
