// What TensorRT Model Optimizer exports: quantization_config of method modelopt, or
// hf_quant_config.json. Source: TensorRT Model Optimizer, unified Hugging Face checkpoint;
// config.json and tensors of nvidia/DeepSeek-V3.1-NVFP4 and nvidia/Llama-3.1-70B-Instruct-FP8.
#include <utility>

#include "arch/quantization_readers.h"

namespace hadal::arch {
namespace {

constexpr const char* kMixed = "MIXED_PRECISION";

// quant_algo and group_size of an entry. FP8 has float32 scales of matrix and input; FP8_PB_WO one
// for each 128x128 of the matrix.
Packing ReadAlgorithm(Fields& entry) {
  std::size_t algorithm = 0;
  entry.Choice("quant_algo", {"NVFP4", "FP8", "FP8_PB_WO"}, &algorithm);
  if (algorithm == 1) return {.number = Number::kFp8, .bits = 8, .matrix_bytes = 8};
  if (algorithm == 2) return PackingOf(StoredFormat::kFp8Block128F32);
  std::size_t group = 16;
  if (entry.Has("group_size")) entry.Size("group_size", 1, kMaxGroup, &group);
  return Nvfp4Packing(group);
}

void ReadAlgorithms(Fields& entry, StorageRules* rules) {
  for (const char* key : {"ignore", "exclude_modules"}) ReadKept(entry, key, rules);
  entry.Only("has_zero_point", false);
  entry.Only("pre_quant_scale", false);
  NoteKvScales(entry, rules);
  const Json* algorithm = entry.Find("quant_algo");
  if (algorithm != nullptr && algorithm->AsString() != nullptr && *algorithm->AsString() == kMixed)
    return ReadQuantizedLayers(entry, rules);
  if (entry.Has("quantized_layers"))
    entry.Refuse(Code::kUnsupported, "quantized_layers", "none but with MIXED_PRECISION");
  rules->linear = ReadAlgorithm(entry);
}

}  // namespace

void ReadQuantizedLayers(Fields& entry, StorageRules* rules) {
  const Json* layers = entry.Find("quantized_layers");
  if (layers == nullptr || layers->AsObject() == nullptr)
    return entry.Refuse(Code::kInvalid, "quantized_layers", "an object of modules");
  for (const auto& [name, value] : *layers->AsObject()) {
    Fields layer(value, fmt::format("{}: quantized_layers: {}", entry.place(), Json(name).Dump()));
    if (layer.ok()) {
      layer.Known({"quant_algo", "group_size"});
      const Packing packing = ReadAlgorithm(layer);
      if (rules->rules.empty() || rules->rules.back().packing != packing)
        rules->rules.push_back({.where = {}, .packing = packing});
      if (const Status added = rules->rules.back().where.Add(name); !added.ok())
        layer.Refuse(added.error().code, "name", added.error().what);
    }
    entry.Take(layer);
    if (!entry.ok()) return;
  }
}

void ReadModelopt(Fields& entry, StorageRules* rules) {
  // config_groups says what quant_algo says, in another tool's words.
  entry.Known({"quant_method", "quant_algo", "group_size", "ignore", "exclude_modules",
               "config_groups", "kv_cache_scheme", "kv_cache_quant_algo", "quantized_layers",
               "producer", "has_zero_point", "pre_quant_scale"});
  if (entry.ok()) ReadAlgorithms(entry, rules);
}

void ReadModeloptFile(Fields& file, StorageRules* rules) {
  if (!file.ok()) return;
  const Json* quantization = file.Find("quantization");
  if (quantization == nullptr)
    return file.Refuse(Code::kInvalid, "quantization", "an object with quant_algo");
  Fields entry(*quantization, file.place() + ": quantization");
  entry.Known({"quant_algo", "group_size", "exclude_modules", "kv_cache_quant_algo",
               "quantized_layers", "has_zero_point", "pre_quant_scale"});
  if (entry.ok()) ReadAlgorithms(entry, rules);
  file.Take(entry);
}

}  // namespace hadal::arch
