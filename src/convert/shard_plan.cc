#include "convert/shard_plan.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/json.h"
#include "base/units.h"
#include "io/file.h"

namespace hadal::convert {

namespace {

bool SameExpert(const arch::TensorId& a, const arch::TensorId& b) {
  return IsRoutedExpert(a.role) && IsRoutedExpert(b.role) && a.part == b.part &&
         a.layer == b.layer && a.expert == b.expert;
}

void Declare(ShardItem* item, std::span<const ToStore> tensors) {
  for (const std::size_t i : item->tensors) {
    const auto& [spec, format] = tensors[i];
    item->declared.push_back({spec->name, LayoutOf(format).codes, CodeShape(format, spec->shape)});
  }
  for (const std::size_t i : item->tensors) {
    const auto& [spec, format] = tensors[i];
    if (!LayoutOf(format).scaled()) continue;
    item->declared.push_back(
        {arch::ScaleName(spec->id), LayoutOf(format).scales, ScaleShape(format, spec->shape)});
  }
}

}  // namespace

std::uint64_t ShardItem::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& tensor : declared) {
    std::uint64_t bytes = DTypeBytes(tensor.dtype);
    for (const std::uint64_t dimension : tensor.shape) bytes *= dimension;
    sum += bytes;
  }
  return sum;
}

std::vector<ShardItem> ShardItems(std::span<const ToStore> tensors) {
  std::vector<ShardItem> items;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (i == 0 || !SameExpert(tensors[i - 1].spec->id, tensors[i].spec->id)) items.emplace_back();
    items.back().tensors.push_back(i);
  }
  for (ShardItem& item : items) Declare(&item, tensors);
  return items;
}

ShardPlan::ShardPlan(std::vector<ShardItem> items, std::uint64_t shard_bytes)
    : items_(std::move(items)), shards_(1) {
  std::uint64_t in_shard = 0;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const std::uint64_t bytes = items_[i].bytes();
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
      return DTypeBytes(items_[a].declared[0].dtype) > DTypeBytes(items_[b].declared[0].dtype);
    });
}

std::vector<const ShardItem*> ShardPlan::ItemsOf(std::size_t shard) const {
  std::vector<const ShardItem*> items;
  for (const std::size_t i : shards_[shard]) items.push_back(&items_[i]);
  return items;
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
  std::vector<io::SafetensorsWriter::Declared> declared;
  for (const ShardItem* item : ItemsOf(shard))
    declared.insert(declared.end(), item->declared.begin(), item->declared.end());
  return io::SafetensorsWriter::Create(folder.File(Name(shard)), declared, {{"format", "pt"}});
}

Status ShardPlan::WriteIndex(const io::AtomicFolder& folder) const {
  if (shards_.size() == 1) return Unit{};
  Json::Object map;
  for (std::size_t shard = 0; shard < shards_.size(); ++shard)
    for (const ShardItem* item : ItemsOf(shard))
      for (const auto& tensor : item->declared) map.emplace_back(tensor.name, Name(shard));
  const Json index =
      Json::MakeObject({{"metadata", Json::MakeObject({{"total_size", total_bytes_}})},
                        {"weight_map", std::move(map)}});
  return io::WriteFile(folder.File("model.safetensors.index.json"), index.Dump(2));
}

}  // namespace hadal::convert
