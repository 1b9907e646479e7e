// compressed-tensors: groups of modules, each with what its weights are turned into.
// Source: compressed-tensors, quantization_args.py and compressors; config.json and tensors of
// moonshotai/Kimi-K2-Thinking and RedHatAI's FP8, INT8 and NVFP4 releases.
#include <utility>

#include "arch/quantization_readers.h"

namespace hadal::arch {
namespace {

enum class Format { kPacked, kFloat, kInt, kNvfp4 };
const std::vector<std::string> kFormats = {"pack-quantized", "float-quantized", "int-quantized",
                                           "nvfp4-pack-quantized"};

// The numbers that share a scale.
void ReadBlocks(Fields& weights, Packing* packing) {
  std::size_t strategy = 0, group = 0;
  weights.Choice("strategy", {"group", "channel", "tensor", "tensor_group", "block"}, &strategy);
  packing->block_rows = strategy == 2 ? kWhole : 1;
  packing->block_cols = kWhole;
  if (strategy == 0 || strategy == 3) {
    weights.Size("group_size", 1, kMaxGroup, &group);
    packing->block_cols = group;
  }
  if (strategy != 4) return;
  if (!weights.Has("block_structure"))
    weights.Refuse(Code::kInvalid, "block_structure", "[128,128]");
  weights.Only("block_structure", Json::Array{128, 128});
  packing->block_rows = packing->block_cols = 128;
}

Packing ReadPacked(Fields& weights) {
  Packing packing = {.number = Number::kInt, .block_bits = 16, .matrix_bytes = 16};
  std::size_t bits = 0, integers = 0, order = 0;
  weights.Choice("type", {"int"}, &integers);
  weights.Size("num_bits", 4, 8, &bits);
  if (bits != 4 && bits != 8) weights.Refuse(Code::kUnsupported, "num_bits", "4 or 8");
  packing.bits = bits;
  ReadBlocks(weights, &packing);
  bool symmetric = true;
  if (weights.Has("symmetric")) weights.Flag("symmetric", &symmetric);
  if (!symmetric) packing.block_bits += bits;  // a zero point
  if (weights.Has("actorder"))
    weights.Choice("actorder", {"weight", "static", "group", "dynamic"}, &order);
  if (order >= 2) packing.column_bytes = 4;  // weight_g_idx, int32
  return packing;
}

Packing ReadEightBits(Fields& weights, Number number, bool static_inputs) {
  Packing packing = {.number = number, .bits = 8, .block_bits = 16};
  std::size_t bits = 0;
  weights.Size("num_bits", 8, 8, &bits);
  weights.Only("symmetric", true);
  ReadBlocks(weights, &packing);
  packing.matrix_bytes = static_inputs ? 2 : 0;
  return packing;
}

Packing ReadForm(Fields& group, Fields& weights, Format format) {
  const Json* inputs = group.Find("input_activations");
  const bool has_inputs = inputs != nullptr && inputs->AsObject() != nullptr;
  const Json* dynamic = has_inputs ? inputs->Find("dynamic") : nullptr;
  const bool static_inputs =
      has_inputs && (dynamic == nullptr || dynamic->AsBool() == nullptr || !*dynamic->AsBool());
  switch (format) {
    case Format::kPacked:
      return ReadPacked(weights);
    case Format::kFloat:
      return ReadEightBits(weights, Number::kFp8, static_inputs);
    case Format::kInt:
      return ReadEightBits(weights, Number::kInt, static_inputs);
    case Format::kNvfp4:
      break;
  }
  std::size_t bits = 0, size = 0;
  weights.Size("num_bits", 4, 4, &bits);
  weights.Size("group_size", 16, 16, &size);
  Packing packing = Nvfp4Packing(16);
  packing.matrix_bytes = has_inputs ? 8 : 4;
  return packing;
}

void ReadGroup(Fields& group, std::size_t format, StorageRules* rules) {
  group.Known({"targets", "weights", "input_activations", "output_activations", "format"});
  if (group.Has("format")) group.Choice("format", kFormats, &format);
  if (group.ok() && format == kFormats.size())
    group.Refuse(Code::kInvalid, "format", fmt::format("one of {}", fmt::join(kFormats, ", ")));
  if (!group.Has("weights")) group.Refuse(Code::kUnsupported, "weights", "an object");
  if (!group.ok()) return;
  Fields weights(*group.Find("weights"), group.place() + ": weights");
  Packing packing;
  if (weights.ok()) packing = ReadForm(group, weights, static_cast<Format>(format));
  group.Take(weights);
  StorageRules::Rule rule{.where = {}, .packing = packing};
  group.Strings("targets", [&](const std::string& target) -> Status {
    if (target != "Linear") return rule.where.Add(target);
    rules->linear = packing;
    return Unit{};
  });
  rules->rules.push_back(std::move(rule));
}

// Nothing is sparse: no entry, an empty one, or what the tool writes of whole matrices.
void ReadSparsity(Fields& entry) {
  const Json* sparsity = entry.Find("sparsity_config");
  const Json* format = sparsity == nullptr ? nullptr : sparsity->Find("format");
  const bool dense =
      format != nullptr && format->AsString() != nullptr && *format->AsString() == "dense";
  if (!dense) entry.Only("sparsity_config", Json::Object{});
}

}  // namespace

void ReadCompressedTensors(Fields& entry, StorageRules* rules) {
  entry.Known({"quant_method", "format", "ignore", "config_groups", "kv_cache_scheme",
               "quantization_status", "global_compression_ratio", "sparsity_config",
               "transform_config", "version"});
  ReadKept(entry, "ignore", rules);
  entry.Only("transform_config", Json::Object{});
  ReadSparsity(entry);
  NoteKvScales(entry, rules);
  std::size_t format = kFormats.size();  // of each group, then
  const Json* named = entry.Find("format");
  const bool mixed = named == nullptr || named->is_null() ||
                     (named->AsString() != nullptr && *named->AsString() == "mixed-precision");
  if (!mixed) entry.Choice("format", kFormats, &format);
  const Json* groups = entry.Find("config_groups");
  if (groups == nullptr || groups->AsObject() == nullptr)
    entry.Refuse(Code::kInvalid, "config_groups", "an object of groups");
  if (!entry.ok()) return;
  for (const auto& [name, value] : *groups->AsObject()) {
    Fields group(value, fmt::format("{}: config_groups: {}", entry.place(), Json(name).Dump()));
    if (group.ok()) ReadGroup(group, format, rules);
    entry.Take(group);
    if (!entry.ok()) return;
  }
}

}  // namespace hadal::arch
