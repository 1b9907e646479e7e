#include "convert/quantize.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "arch/config.h"
#include "arch/stored_tensor.h"
#include "base/progress.h"
#include "convert/encode_weights.h"
#include "convert/shard_plan.h"
#include "io/checkpoint.h"
#include "io/decode.h"
#include "io/file.h"
#include "io/folder.h"
#include "io/safetensors.h"

namespace hadal::convert {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFilesToCopy[] = {"tokenizer.json", "tokenizer_config.json",
                                        "generation_config.json", "special_tokens_map.json",
                                        "LICENSE"};

struct Item {
  arch::StoredTensor stored;
  StoredFormat to = StoredFormat::kF32;
  ShardItem declared;       // the tensor, and its scale, if any
  std::uint64_t bytes = 0;  // of the declared
};

StoredFormat Target(const arch::TensorSpec& spec, Format format) {
  const bool floats = spec.format != StoredFormat::kI64;
  const bool blocks =
      spec.format == StoredFormat::kFp8Block128 || spec.format == StoredFormat::kFp4Block32;
  if (floats && format == Format::kF32) return StoredFormat::kF32;
  if (blocks && format == Format::kBf16) return StoredFormat::kBf16;
  return spec.format;
}

Result<std::vector<Item>> PlanItems(const io::Checkpoint& checkpoint,
                                    const std::vector<arch::TensorSpec>& specs, Format format) {
  std::vector<arch::StoredTensor> found;
  for (const arch::TensorSpec& spec : specs) {
    HADAL_TRY(arch::StoredTensor stored, arch::FindStored(checkpoint, spec));
    found.push_back(std::move(stored));
  }
  // What belongs to other drafters is left out.
  const arch::Unlisted unlisted = arch::UnlistedTensors(checkpoint, specs);
  if (!unlisted.unknown.empty()) return arch::UnknownTensors(checkpoint, unlisted.unknown);
  std::vector<Item> items;
  for (arch::StoredTensor& stored : found) {
    const arch::TensorSpec& spec = *stored.spec;
    Item item{std::move(stored), Target(spec, format), {}, 0};
    if (item.to == StoredFormat::kFp4Block32 && spec.shape[1] % 32 != 0) {
      return Fail(Code::kInvalid,
                  "tensor \"{}\": rows of {} numbers, expected a multiple of 32 for FP4", spec.name,
                  spec.shape[1]);
    }
    item.declared = DeclareStored(spec, item.to);
    item.bytes = BytesOf(item.declared);
    items.push_back(std::move(item));
  }
  return items;
}

std::span<const std::byte> Bytes(const auto& values) { return std::as_bytes(std::span(values)); }

// Appends `count` rows of `cols` numbers in the format `to`; a block format's scales go to *scales.
Status AppendFloats(const std::vector<float>& w, std::size_t count, std::size_t cols,
                    StoredFormat to, io::SafetensorsWriter& writer,
                    std::vector<std::uint8_t>* scales) {
  if (to == StoredFormat::kF32) return writer.Append(Bytes(w));
  if (to == StoredFormat::kBf16) {
    HADAL_TRY(const std::vector<std::uint16_t> codes, EncodeBf16(w, count, cols));
    return writer.Append(Bytes(codes));
  }
  HADAL_TRY(const EncodedBlocks blocks, to == StoredFormat::kFp8Block128
                                            ? EncodeFp8Block128(w, count, cols)
                                            : EncodeFp4Block32(w, count, cols));
  scales->insert(scales->end(), blocks.scales.begin(), blocks.scales.end());
  return writer.Append(Bytes(blocks.codes));
}

Status ConvertFloats(const Item& item, std::size_t chunk_numbers, io::SafetensorsWriter& writer) {
  const arch::StoredTensor& stored = item.stored;
  const std::vector<std::uint64_t>& shape = stored.spec->shape;
  const std::size_t rows = shape.size() == 2 ? shape[0] : 1;
  const std::size_t cols = stored.spec->elements() / rows;
  const std::size_t chunk = std::max<std::size_t>(chunk_numbers / cols / 128 * 128, 128);
  std::vector<std::uint8_t> scales;
  for (std::size_t row = 0; row < rows; row += chunk) {
    const std::size_t count = std::min(chunk, rows - row);
    HADAL_TRY(const std::vector<float> w,
              io::DecodeRows(stored.data, stored.scale_or_null(), row, count));
    const Status status = AppendFloats(w, count, cols, item.to, writer, &scales);
    if (!status.ok()) return Within(fmt::format("from row {} on", row), status.error());
  }
  return writer.Append(Bytes(scales));
}

Status CopyOrConvert(const Item& item, const arch::Config& config, std::size_t chunk_numbers,
                     io::SafetensorsWriter& writer) {
  const arch::StoredTensor& stored = item.stored;
  if (item.to == StoredFormat::kI64) {
    HADAL_TRY(const std::vector<std::int64_t> ids, arch::DecodeTable(stored, config));
    return writer.Append(Bytes(ids));
  }
  if (FormatOfCodes(stored.data.dtype) != item.to)
    return ConvertFloats(item, chunk_numbers, writer);
  HADAL_TRY_STATUS(writer.Append(stored.data.data));
  return stored.scale ? writer.Append(stored.scale->data) : Status(Unit{});
}

class Converter {
 public:
  Converter(const io::Checkpoint& checkpoint, const arch::Config& config,
            const std::vector<Item>& items, const QuantizeOptions& options)
      : checkpoint_(checkpoint),
        config_(config),
        items_(items),
        shards_(DeclaredOf(items), options.shard_bytes),
        to_(options.to),
        chunk_numbers_(options.chunk_numbers),
        cancel_(options.cancel),
        progress_("converting", shards_.total_bytes(), options.quiet) {}

  // config.json comes last: without it the folder is no checkpoint.
  Status WriteTo(const io::AtomicFolder& folder) {
    HADAL_TRY_STATUS(shards_.CheckSpace(folder.File("")));
    for (std::size_t i = 0; i < shards_.count(); ++i) HADAL_TRY_STATUS(WriteShard(folder, i));
    HADAL_TRY_STATUS(shards_.WriteIndex(folder));
    HADAL_TRY_STATUS(CopyFiles(folder));
    return io::WriteFile(folder.File("config.json"), NewConfig().Dump(2) + "\n");
  }

  std::uint64_t written_bytes() const { return shards_.total_bytes(); }
  std::uint64_t files() const { return shards_.count(); }

 private:
  static std::vector<ShardItem> DeclaredOf(const std::vector<Item>& items) {
    std::vector<ShardItem> declared;
    declared.reserve(items.size());
    for (const Item& item : items) declared.push_back(item.declared);
    return declared;
  }

  Status WriteShard(const io::AtomicFolder& folder, std::size_t shard) {
    HADAL_TRY(auto writer, shards_.Create(folder, shard));
    for (const std::size_t i : shards_.ItemsOf(shard)) {
      if (cancel_ != nullptr && cancel_->load(std::memory_order_relaxed))
        return Fail(Code::kCancelled, "stopped");
      const Item& item = items_[i];
      const std::string& name = item.stored.spec->name;
      const Status status = CopyOrConvert(item, config_, chunk_numbers_, writer);
      if (!status.ok())
        return Within(fmt::format("{}: tensor \"{}\"", checkpoint_.FileOf(name), name),
                      status.error());
      done_ += item.bytes;
      progress_.Set(done_, name);
    }
    return writer.Finish();
  }

  Status CopyFiles(const io::AtomicFolder& folder) const {
    for (const char* name : kFilesToCopy) {
      const std::string from = (fs::path(checkpoint_.directory()) / name).string();
      std::error_code ignored;
      if (!fs::is_regular_file(from, ignored)) continue;
      HADAL_TRY(const std::string text, io::ReadFile(from));
      HADAL_TRY_STATUS(io::WriteFile(folder.File(name), text));
    }
    return Unit{};
  }

  // The config as it was, with what it says of the format put right.
  Json NewConfig() const {
    Json json = checkpoint_.config();
    std::erase_if(*json.AsObject(), [](const Json::Member& member) {
      return member.first == "quantization_config" || member.first == "expert_dtype";
    });
    const char* dtype = to_ == Format::kF32 ? "float32" : "bfloat16";
    json.Set(json.Find("dtype") != nullptr ? "dtype" : "torch_dtype", dtype);
    if (to_ == Format::kPublished) {
      const Json published = arch::ConfigToJson(config_, true);
      for (const char* key : {"expert_dtype", "quantization_config"})
        json.Set(key, *published.Find(key));
    }
    return json;
  }

  const io::Checkpoint& checkpoint_;
  const arch::Config& config_;
  const std::vector<Item>& items_;
  ShardPlan shards_;
  Format to_;
  std::size_t chunk_numbers_;
  const std::atomic<bool>* cancel_;
  std::uint64_t done_ = 0;
  Progress progress_;
};

// The output must not be the input, nor a folder around it: replacing it would remove the input.
Status CheckApart(const std::string& in, const std::string& out) {
  std::error_code ignored;
  const fs::path a = fs::weakly_canonical(in, ignored), b = fs::weakly_canonical(out, ignored);
  const auto [end_a, end_b] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  // A trailing slash is an empty last part of a path.
  if (end_b != b.end() && !end_b->empty()) return Unit{};
  return Fail(Code::kInvalid, "{}: found the input {} in it, expected another folder to write to",
              out, in);
}

}  // namespace

std::optional<Format> FormatFromName(std::string_view name) {
  if (name == "f32") return Format::kF32;
  if (name == "bf16") return Format::kBf16;
  if (name == "published") return Format::kPublished;
  return std::nullopt;
}

Result<QuantizeReport> QuantizeCheckpoint(const std::string& in, const std::string& out,
                                          const QuantizeOptions& options) {
  HADAL_TRY(const io::Checkpoint checkpoint, io::Checkpoint::Open(in));
  HADAL_TRY_STATUS(CheckApart(in, out));
  const Result<arch::Config> config = arch::ParseConfig(checkpoint.config());
  if (!config.ok()) return Within(in, config.error());
  const std::vector<arch::TensorSpec> specs = arch::TensorsOf(*config);
  HADAL_TRY(const std::vector<Item> items, PlanItems(checkpoint, specs, options.to));
  HADAL_TRY(io::AtomicFolder folder, io::AtomicFolder::Create(out, options.replace));
  Converter converter(checkpoint, *config, items, options);
  HADAL_TRY_STATUS(converter.WriteTo(folder));
  HADAL_TRY_STATUS(folder.Commit());
  return QuantizeReport{.tensors = items.size(),
                        .files = converter.files(),
                        .read_bytes = checkpoint.tensor_bytes(),
                        .written_bytes = converter.written_bytes()};
}

}  // namespace hadal::convert
