#include "convert/quantize.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "arch/config.h"
#include "arch/stored_tensor.h"
#include "convert/encode_weights.h"
#include "io/checkpoint.h"
#include "io/decode.h"
#include "tensor/codec.h"

namespace hadal::convert {
namespace {

namespace fs = std::filesystem;

StoredFormat Target(const arch::TensorSpec& spec, Format format) {
  const bool floats = spec.format != StoredFormat::kI64;
  const bool blocks = LayoutOf(spec.format).scaled();
  if (floats && format == Format::kF32) return StoredFormat::kF32;
  if (blocks && format == Format::kBf16) return StoredFormat::kBf16;
  return spec.format;
}

Result<std::vector<arch::StoredTensor>> FindAll(const io::Checkpoint& checkpoint,
                                                const arch::Config& config,
                                                const std::vector<arch::TensorSpec>& specs,
                                                const QuantizeOptions& options) {
  std::vector<arch::StoredTensor> found;
  for (const arch::TensorSpec& spec : specs) {
    HADAL_TRY(arch::StoredTensor stored, arch::FindStored(checkpoint, spec));
    HADAL_TRY_STATUS(arch::CheckScales(checkpoint, stored));
    found.push_back(std::move(stored));
  }
  const arch::Unlisted unlisted = arch::UnlistedTensors(checkpoint, config, specs);
  if (!unlisted.unknown.empty()) return arch::UnknownTensors(checkpoint, unlisted.unknown);
  if (!options.on_note) return found;
  for (const std::string& note : checkpoint.notes()) options.on_note(note);
  if (!unlisted.drafters.empty()) options.on_note(arch::DrafterNote(checkpoint, unlisted.drafters));
  return found;
}

Result<std::vector<ToStore>> Targets(const std::vector<arch::TensorSpec>& specs, Format format) {
  std::vector<ToStore> targets;
  for (const arch::TensorSpec& spec : specs) {
    targets.push_back({&spec, Target(spec, format)});
    if (targets.back().format == StoredFormat::kFp4Block32 && spec.shape[1] % 32 != 0)
      return Fail(Code::kInvalid,
                  "tensor \"{}\": rows of {} numbers, expected a multiple of 32 for FP4", spec.name,
                  spec.shape[1]);
  }
  return targets;
}

std::span<const std::byte> Bytes(const auto& values) { return std::as_bytes(std::span(values)); }

// Gives `count` rows of `cols` numbers in the format `to`. The rule is of float32 scales.
Status GiveFloats(const std::vector<float>& w, std::size_t count, std::size_t cols, StoredFormat to,
                  ScaleRule rule, TensorSink& sink) {
  if (to == StoredFormat::kF32) return sink.Append(Bytes(w));
  if (to == StoredFormat::kBf16) {
    HADAL_TRY(const std::vector<std::uint16_t> codes, EncodeBf16(w, count, cols));
    return sink.Append(Bytes(codes));
  }
  if (to == StoredFormat::kFp8Block128F32) {
    HADAL_TRY(const EncodedF32Blocks blocks, EncodeFp8Block128F32(w, count, cols, rule));
    HADAL_TRY_STATUS(sink.AppendScales(Bytes(blocks.scales)));
    return sink.Append(Bytes(blocks.codes));
  }
  HADAL_TRY(const EncodedBlocks blocks, to == StoredFormat::kFp4Block32
                                            ? EncodeFp4Block32(w, count, cols)
                                            : EncodeFp8Block128(w, count, cols));
  HADAL_TRY_STATUS(sink.AppendScales(Bytes(blocks.scales)));
  return sink.Append(Bytes(blocks.codes));
}

Status ConvertFloats(const arch::StoredTensor& stored, StoredFormat to, ScaleRule rule,
                     std::size_t chunk_numbers, TensorSink& sink) {
  const std::vector<std::uint64_t>& shape = stored.spec->shape;
  const std::size_t rows = shape.size() == 2 ? shape[0] : 1;
  const std::size_t cols = stored.spec->elements() / rows;
  const std::size_t chunk = std::max<std::size_t>(chunk_numbers / cols / 128 * 128, 128);
  for (std::size_t row = 0; row < rows; row += chunk) {
    const std::size_t count = std::min(chunk, rows - row);
    HADAL_TRY(const std::vector<float> w,
              io::DecodeRows(stored.data, stored.scale_or_null(), row, count));
    const Status status = GiveFloats(w, count, cols, to, rule, sink);
    if (!status.ok()) return Within(fmt::format("from row {} on", row), status.error());
  }
  return Unit{};
}

Status CopyOrConvert(const arch::StoredTensor& stored, StoredFormat to, const arch::Config& config,
                     std::size_t chunk_numbers, TensorSink& sink) {
  if (to == StoredFormat::kI64) {
    HADAL_TRY(const std::vector<std::int64_t> ids, arch::DecodeTable(stored, config));
    return sink.Append(Bytes(ids));
  }
  if (stored.format() != to)
    return ConvertFloats(stored, to, config.scale_rule, chunk_numbers, sink);
  if (stored.scale) HADAL_TRY_STATUS(sink.AppendScales(stored.scale->data));
  return sink.Append(stored.data.data);
}

// The config as it was, with what it says of the format put right.
Json ConfigFor(Format format, const io::Checkpoint& checkpoint, const arch::Config& config) {
  Json json = checkpoint.config();
  constexpr std::string_view kOfFormat[] = {"quantization_config", "expert_dtype", "scale_fmt"};
  std::erase_if(*json.AsObject(), [&](const Json::Member& member) {
    return std::ranges::count(kOfFormat, member.first) != 0;
  });
  const char* dtype = format == Format::kF32 ? "float32" : "bfloat16";
  json.Set(json.Find("dtype") != nullptr ? "dtype" : "torch_dtype", dtype);
  const Json written = arch::ConfigToJson(config, format == Format::kPublished);
  for (const std::string_view key : kOfFormat)
    if (const Json* value = written.Find(key)) json.Set(std::string(key), *value);
  return json;
}

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
  HADAL_TRY(const std::vector<arch::StoredTensor> found,
            FindAll(checkpoint, *config, specs, options));
  HADAL_TRY(const std::vector<ToStore> targets, Targets(specs, options.to));
  const CheckpointFiles files{.config = ConfigFor(options.to, checkpoint, *config),
                              .tokenizer = checkpoint.directory()};
  const auto give = [&](std::size_t i, TensorSink& sink) -> Status {
    Status given = CopyOrConvert(found[i], targets[i].format, *config, options.chunk_numbers, sink);
    if (given.ok()) return given;
    const std::string& name = specs[i].name;
    return Within(fmt::format("{}: tensor \"{}\"", checkpoint.FileOf(name), name), given.error());
  };
  HADAL_TRY(const CheckpointReport written,
            WriteCheckpoint(out, targets, files, options.write, give));
  return QuantizeReport{.written = written, .read_bytes = checkpoint.tensor_bytes()};
}

}  // namespace hadal::convert
