#include "convert/shard_plan.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/json.h"
#include "base/units.h"
#include "io/file.h"

namespace hadal::convert {

ShardItem DeclareStored(const arch::TensorSpec& spec, StoredFormat format) {
  const StoredLayout& layout = LayoutOf(format);
  ShardItem item = {{spec.name, layout.codes, CodeShape(format, spec.shape)}};
  if (layout.scaled())
    item.push_back({arch::ScaleName(spec.name), layout.scales, ScaleShape(format, spec.shape)});
  return item;
}

std::uint64_t BytesOf(const ShardItem& item) {
  std::uint64_t sum = 0;
  for (const auto& tensor : item) {
    std::uint64_t bytes = DTypeBytes(tensor.dtype);
    for (const std::uint64_t dimension : tensor.shape) bytes *= dimension;
    sum += bytes;
  }
  return sum;
}

ShardPlan::ShardPlan(std::vector<ShardItem> items, std::uint64_t shard_bytes)
    : items_(std::move(items)), shards_(1) {
  std::uint64_t in_shard = 0;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const std::uint64_t bytes = BytesOf(items_[i]);
    if (!shards_.back().empty() && in_shard + bytes > shard_bytes) {
      shards_.emplace_back();
      in_shard = 0;
    }
    shards_.back().push_back(i);
    in_shard += bytes;
    total_bytes_ += bytes;
  }
  for (auto& shard : shards_)
    std::stable_sort(shard.begin(), shard.end(), [this](std::size_t a, std::size_t b) {
      return DTypeBytes(items_[a][0].dtype) > DTypeBytes(items_[b][0].dtype);
    });
}

std::string ShardPlan::Name(std::size_t shard) const {
  if (shards_.size() == 1) return "model.safetensors";
  return fmt::format("model-{:05}-of-{:05}.safetensors", shard + 1, shards_.size());
}

Status ShardPlan::CheckSpace(const std::string& folder) const {
  std::error_code problem;
  const std::filesystem::space_info space = std::filesystem::space(folder, problem);
  if (problem || space.available >= total_bytes_) return Unit{};
  return Fail(Code::kExhausted, "{}: found {} free, expected at least {}", folder,
              FormatBytes(space.available), FormatBytes(total_bytes_));
}

Result<io::SafetensorsWriter> ShardPlan::Create(const io::AtomicFolder& folder,
                                                std::size_t shard) const {
  ShardItem declared;
  for (const std::size_t i : shards_[shard])
    declared.insert(declared.end(), items_[i].begin(), items_[i].end());
  return io::SafetensorsWriter::Create(folder.File(Name(shard)), declared, {{"format", "pt"}});
}

Status ShardPlan::WriteIndex(const io::AtomicFolder& folder) const {
  if (shards_.size() == 1) return Unit{};
  Json::Object map;
  for (std::size_t shard = 0; shard < shards_.size(); ++shard)
    for (const std::size_t i : shards_[shard])
      for (const auto& tensor : items_[i]) map.emplace_back(tensor.name, Name(shard));
  const Json index =
      Json::MakeObject({{"metadata", Json::MakeObject({{"total_size", total_bytes_}})},
                        {"weight_map", std::move(map)}});
  return io::WriteFile(folder.File("model.safetensors.index.json"), index.Dump(2));
}

}  // namespace hadal::convert
