#include "io/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <new>
#include <set>
#include <system_error>
#include <utility>

#include "tensor/codec.h"

namespace hadal::io {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSingle = "model.safetensors";
constexpr std::string_view kIndex = "model.safetensors.index.json";
constexpr std::string_view kSuffix = ".safetensors";
constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{1} << 24;

// What an index says: tensor name -> shard's file name.
using WeightMap = std::map<std::string, std::string, std::less<>>;

std::string Join(const std::string& directory, std::string_view name) {
  return (fs::path(directory) / name).string();
}

std::string Show(std::string_view name) { return Json(name.substr(0, 200)).Dump(); }

Result<Json> ReadJsonObject(const std::string& path, std::uint64_t max_bytes) {
  HADAL_TRY(const std::string text, ReadFile(path, max_bytes));
  Result<Json> json = ParseJson(text);
  if (!json.ok()) return Within(path, json.error());
  if (json->AsObject() == nullptr)
    return Fail(Code::kCorrupt, "{}: found {}, expected an object", path, json->KindName());
  return json;
}

bool Exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// A shard lies in the checkpoint's own folder, whatever an index from the network says.
bool IsPlainFileName(std::string_view name) {
  return name.size() > kSuffix.size() && name.ends_with(kSuffix) &&
         name.find_first_of("/\\") == std::string_view::npos && !name.starts_with("..") &&
         name.find('\0') == std::string_view::npos;
}

Result<WeightMap> ReadIndex(const std::string& path) {
  HADAL_TRY(const Json json, ReadJsonObject(path, std::uint64_t{1} << 28));
  const Json* map = json.Find("weight_map");
  if (map == nullptr || map->AsObject() == nullptr) {
    return Fail(Code::kCorrupt, "{}: weight_map: found {}, expected an object", path,
                map == nullptr ? "nothing" : map->KindName());
  }
  WeightMap weights;
  for (const auto& [name, shard] : *map->AsObject()) {
    if (shard.AsString() == nullptr || !IsPlainFileName(*shard.AsString())) {
      return Fail(Code::kCorrupt,
                  "{}: tensor {}: found shard {}, expected the name of a .safetensors file in the "
                  "same folder",
                  path, Show(name), Show(shard.AsString() ? *shard.AsString() : shard.Dump(-1)));
    }
    weights.emplace(name, *shard.AsString());
  }
  if (weights.empty()) return Fail(Code::kCorrupt, "{}: weight_map: found no tensors", path);
  return weights;
}

// Every *.safetensors of the folder, in order; only the model*.safetensors among them if there are
// any, because other files of tensors may lie beside a model.
Result<std::vector<std::string>> ListShards(const std::string& directory) {
  std::vector<std::string> all, model;
  std::error_code problem;
  for (fs::directory_iterator it(directory, problem), end; !problem && it != end;
       it.increment(problem)) {
    const std::string name = it->path().filename().string();
    if (!name.ends_with(kSuffix)) continue;
    all.push_back(name);
    if (name.starts_with("model")) model.push_back(name);
  }
  if (problem) return Fail(Code::kIo, "{}: cannot list: {}", directory, problem.message());
  if (!model.empty()) all = std::move(model);
  if (all.empty()) {
    return Fail(Code::kNotFound,
                "{}: found no .safetensors file, expected {}, or {} and its shards", directory,
                kSingle, kIndex);
  }
  std::sort(all.begin(), all.end());
  return all;
}

Status CheckAgainstIndex(const WeightMap& weights, const std::string& index_path,
                         const std::vector<SafetensorsFile>& files) {
  for (const SafetensorsFile& file : files) {
    const std::string shard = fs::path(file.path()).filename().string();
    for (const auto& [name, info] : file.tensors()) {
      const auto found = weights.find(name);
      if (found != weights.end() && found->second == shard) continue;
      return Fail(Code::kCorrupt, "{}: found tensor {}, which {} {}", file.path(), Show(name),
                  index_path,
                  found == weights.end() ? "does not name" : "places in " + Show(found->second));
    }
  }
  return Unit{};
}

Status CheckIndexFulfilled(const WeightMap& weights, const std::string& index_path,
                           const std::map<std::string, std::size_t, std::less<>>& file_of) {
  for (const auto& [name, shard] : weights)
    if (!file_of.contains(name)) {
      return Fail(Code::kNotFound, "{}: tensor {} should be in {}, which does not hold it",
                  index_path, Show(name), Show(shard));
    }
  return Unit{};
}

// The bytes of a dtype read without regard to alignment.
template <class T>
T LoadAt(std::span<const std::byte> data, std::size_t index) {
  T value;
  std::memcpy(&value, data.data() + index * sizeof(T), sizeof(T));
  return value;
}

Result<std::size_t> CountOf(const TensorView& tensor) {
  std::uint64_t count = 1;
  for (const std::uint64_t dimension : tensor.shape)
    if (__builtin_mul_overflow(count, dimension, &count))
      return Fail(Code::kInvalid, "shape {} is too large", FormatShape(tensor.shape));
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(count, DTypeBytes(tensor.dtype), &bytes) ||
      bytes != tensor.data.size()) {
    return Fail(Code::kInvalid, "found {} bytes of data, expected those of {} {}",
                tensor.data.size(), DTypeName(tensor.dtype), FormatShape(tensor.shape));
  }
  return static_cast<std::size_t>(count);
}

std::vector<std::uint64_t> ScaleShape(const TensorView& weight) {
  const std::uint64_t rows = weight.shape[0], cols = weight.shape[1];
  if (weight.dtype == DType::kI8) return {rows, cols / 16};
  return {rows / 128 + (rows % 128 != 0), cols / 128 + (cols % 128 != 0)};
}

Status CheckScale(const TensorView& weight, const TensorView* scale) {
  const char* kind = weight.dtype == DType::kI8 ? "I8 (FP4)" : "F8_E4M3";
  if (weight.shape.size() != 2) {
    return Fail(Code::kInvalid, "{} of shape {}, expected two dimensions", kind,
                FormatShape(weight.shape));
  }
  if (weight.dtype == DType::kI8 && weight.shape[1] % 16 != 0) {
    return Fail(Code::kInvalid, "{} of shape {}, expected rows of whole 16-byte blocks", kind,
                FormatShape(weight.shape));
  }
  const std::vector<std::uint64_t> expected = ScaleShape(weight);
  if (scale == nullptr) {
    return Fail(Code::kInvalid, "{} of shape {} has no scale, expected one of F8_E8M0 {}", kind,
                FormatShape(weight.shape), FormatShape(expected));
  }
  if (scale->dtype != DType::kF8E8M0 || scale->shape != expected) {
    return Fail(Code::kInvalid, "scale of {} {}: found {} {}, expected F8_E8M0 {}", kind,
                FormatShape(weight.shape), DTypeName(scale->dtype), FormatShape(scale->shape),
                FormatShape(expected));
  }
  HADAL_TRY([[maybe_unused]] const std::size_t count, CountOf(*scale));
  return Unit{};
}

// Rows [begin, end) of a matrix with `cols` columns.
struct Rows {
  std::size_t begin, end, cols;
};

void DecodeFp8(const TensorView& weight, const TensorView& scale, Rows rows, float* out) {
  const std::size_t cols = rows.cols, scale_cols = scale.shape[1];
  const std::span<const float, 256> table = E4m3Table();
  for (std::size_t row = rows.begin; row < rows.end; ++row, out += cols)
    for (std::size_t block = 0; block < scale_cols; ++block) {
      const float factor =
          E8m0ToF32(LoadAt<std::uint8_t>(scale.data, row / 128 * scale_cols + block));
      const std::size_t end = std::min(cols, (block + 1) * 128);
      for (std::size_t col = block * 128; col < end; ++col)
        out[col] = table[std::to_integer<std::size_t>(weight.data[row * cols + col])] * factor;
    }
}

void DecodeFp4(const TensorView& weight, const TensorView& scale, Rows rows, float* out) {
  const std::span<const float, 16> table = E2m1Table();
  const std::size_t row_blocks = rows.cols / 32;
  for (std::size_t block = rows.begin * row_blocks; block < rows.end * row_blocks; ++block) {
    const float factor = E8m0ToF32(LoadAt<std::uint8_t>(scale.data, block));
    for (std::size_t i = block * 16; i < block * 16 + 16; ++i) {
      const auto pair = std::to_integer<std::size_t>(weight.data[i]);
      *out++ = table[pair & 15] * factor;
      *out++ = table[pair >> 4] * factor;
    }
  }
}

}  // namespace

Result<Checkpoint> Checkpoint::Open(const std::string& directory) {
  std::error_code ignored;
  if (!fs::is_directory(directory, ignored)) {
    return Fail(Code::kNotFound,
                "{}: {}, expected a folder with config.json and .safetensors files", directory,
                Exists(directory) ? "found a file" : "found nothing");
  }
  Checkpoint checkpoint;
  checkpoint.directory_ = directory;
  HADAL_TRY(checkpoint.config_, ReadJsonObject(Join(directory, "config.json"), kMaxConfigBytes));

  const std::string index_path = Join(directory, kIndex);
  const bool indexed = Exists(index_path), single = Exists(Join(directory, kSingle));
  WeightMap weights;
  std::set<std::string> shards;
  if (indexed) {
    HADAL_TRY(weights, ReadIndex(index_path));
    for (const auto& [name, shard] : weights) shards.insert(shard);
    if (single && !shards.contains(std::string(kSingle))) {
      return Fail(Code::kCorrupt, "{}: found both {} and {}, which does not name it; remove one",
                  directory, kSingle, kIndex);
    }
  } else if (single) {
    shards.insert(std::string(kSingle));
  } else {
    HADAL_TRY(const std::vector<std::string> listed, ListShards(directory));
    shards.insert(listed.begin(), listed.end());
  }

  for (const std::string& shard : shards) {
    HADAL_TRY(SafetensorsFile file, SafetensorsFile::Open(Join(directory, shard)));
    for (const auto& [name, info] : file.tensors()) {
      const auto [place, fresh] = checkpoint.file_of_.emplace(name, checkpoint.files_.size());
      if (fresh) continue;
      return Fail(Code::kCorrupt, "{}: found tensor {}, which is in {} too", file.path(),
                  Show(name), checkpoint.files_[place->second].path());
    }
    checkpoint.files_.push_back(std::move(file));
  }
  if (indexed) {
    HADAL_TRY_STATUS(CheckAgainstIndex(weights, index_path, checkpoint.files_));
    HADAL_TRY_STATUS(CheckIndexFulfilled(weights, index_path, checkpoint.file_of_));
  }
  return checkpoint;
}

std::vector<std::string> Checkpoint::Names() const {
  std::vector<std::string> names;
  names.reserve(file_of_.size());
  for (const auto& [name, file] : file_of_) names.push_back(name);
  return names;
}

const TensorInfo* Checkpoint::Info(std::string_view name) const {
  const auto found = file_of_.find(name);
  if (found == file_of_.end()) return nullptr;
  return &files_[found->second].tensors().find(name)->second;
}

const std::string& Checkpoint::FileOf(std::string_view name) const {
  const auto found = file_of_.find(name);
  HADAL_CHECK(found != file_of_.end());
  return files_[found->second].path();
}

Result<TensorView> Checkpoint::Find(std::string_view name) const {
  const auto found = file_of_.find(name);
  if (found == file_of_.end())
    return Fail(Code::kNotFound, "{}: no tensor {}", directory_, Show(name));
  return files_[found->second].Find(name);
}

std::uint64_t Checkpoint::tensor_bytes() const {
  std::uint64_t bytes = 0;
  for (const SafetensorsFile& file : files_)
    for (const auto& [name, info] : file.tensors()) bytes += info.end - info.begin;
  return bytes;
}

Status CheckFloats(const TensorView& weight, const TensorView* scale) {
  const bool scaled = weight.dtype == DType::kF8E4M3 || weight.dtype == DType::kI8;
  if (!scaled && weight.dtype != DType::kF32 && weight.dtype != DType::kBF16) {
    return Fail(Code::kInvalid, "found dtype {}, expected F32, BF16, F8_E4M3 or I8 (FP4)",
                DTypeName(weight.dtype));
  }
  if (!scaled && scale != nullptr)
    return Fail(Code::kInvalid, "found a scale, expected none for {}", DTypeName(weight.dtype));
  HADAL_TRY([[maybe_unused]] const std::size_t count, CountOf(weight));
  return scaled ? CheckScale(weight, scale) : Status(Unit{});
}

Result<std::vector<float>> DecodeRows(const TensorView& weight, const TensorView* scale,
                                      std::size_t begin, std::size_t count) {
  HADAL_TRY_STATUS(CheckFloats(weight, scale));
  const std::size_t all_rows = weight.shape.size() == 2 ? weight.shape[0] : 1;
  HADAL_CHECK(begin <= all_rows && count <= all_rows - begin);
  HADAL_TRY(const std::size_t stored, CountOf(weight));
  const std::size_t codes_a_number = weight.dtype == DType::kI8 ? 2 : 1;
  const std::size_t cols = all_rows == 0 ? 0 : stored / all_rows * codes_a_number;
  const Rows rows = {begin, begin + count, cols};

  std::vector<float> out;
  try {
    out.resize(count * cols);
  } catch (const std::bad_alloc&) {
    return Fail(Code::kExhausted, "not enough memory for {} numbers", count * cols);
  }
  if (out.empty()) return out;
  if (weight.dtype == DType::kF32) {
    std::memcpy(out.data(), weight.data.data() + begin * cols * sizeof(float),
                out.size() * sizeof(float));
  } else if (weight.dtype == DType::kBF16) {
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = Bf16ToF32(LoadAt<std::uint16_t>(weight.data, begin * cols + i));
  } else if (weight.dtype == DType::kF8E4M3) {
    DecodeFp8(weight, *scale, rows, out.data());
  } else {
    DecodeFp4(weight, *scale, rows, out.data());
  }
  return out;
}

Result<std::vector<float>> DecodeFloats(const TensorView& weight, const TensorView* scale) {
  return DecodeRows(weight, scale, 0, weight.shape.size() == 2 ? weight.shape[0] : 1);
}

Result<std::vector<std::int64_t>> DecodeInts(const TensorView& tensor) {
  HADAL_TRY(const std::size_t count, CountOf(tensor));
  std::vector<std::int64_t> out(count);
  switch (tensor.dtype) {
    case DType::kI8:
      for (std::size_t i = 0; i < count; ++i) {
        // A signed number, not a character.
        out[i] = LoadAt<std::int8_t>(tensor.data, i);  // NOLINT(bugprone-signed-char-misuse)
      }
      return out;
    case DType::kU8:
      for (std::size_t i = 0; i < count; ++i) out[i] = LoadAt<std::uint8_t>(tensor.data, i);
      return out;
    case DType::kI32:
      for (std::size_t i = 0; i < count; ++i) out[i] = LoadAt<std::int32_t>(tensor.data, i);
      return out;
    case DType::kI64:
      for (std::size_t i = 0; i < count; ++i) out[i] = LoadAt<std::int64_t>(tensor.data, i);
      return out;
    default:
      return Fail(Code::kInvalid, "found dtype {}, expected I8, U8, I32 or I64",
                  DTypeName(tensor.dtype));
  }
}

}  // namespace hadal::io
