#include "arch/quantization.h"

#include <utility>

#include "arch/config_fields.h"
#include "arch/quantization_readers.h"

namespace hadal::arch {
namespace {

const std::vector<std::string> kMethods = {
    "fp8", "awq", "gptq", "mxfp4", "modelopt", "modelopt_fp4", "compressed-tensors"};

// Scales of DeepSeek's own FP8 files are float32, those of Qwen's of the model's 16-bit type.
std::uint64_t Fp8ScaleBits(Family family) {
  return family == Family::kV4 ? 8 : family == Family::kMla ? 32 : 16;
}

void ReadFp8(Fields& entry, Family family, StorageRules* rules) {
  entry.Known({"quant_method", "fmt", "activation_scheme", "weight_block_size", "scale_fmt",
               "modules_to_not_convert", "dequantize"});
  entry.OneOf("fmt", kE4m3Names);
  entry.Only("dequantize", false);
  ReadKept(entry, "modules_to_not_convert", rules);
  Packing packing = {.number = Number::kFp8, .bits = 8};
  if (!entry.Has("weight_block_size") && family == Family::kTransformer) {
    std::size_t statically = 0;  // a scale of the input lies beside the matrix's own
    entry.Choice("activation_scheme", {"dynamic", "static"}, &statically);
    packing.matrix_bytes = 4 + 4 * statically;
  } else {
    if (!entry.Has("weight_block_size"))
      entry.Refuse(Code::kInvalid, "weight_block_size", "[128,128]");
    entry.Only("weight_block_size", Json::Array{128, 128});
    packing.block_rows = packing.block_cols = 128;
    packing.block_bits = Fp8ScaleBits(family);
  }
  rules->linear = packing;
}

// Which experts of a V4 checkpoint modelopt has turned into NVFP4; the rest is as published.
void ReadV4Experts(Fields& entry, StorageRules* rules) {
  entry.Only("moe_quant_algo", "NVFP4");
  entry.Only("quant_algo", "MIXED_PRECISION");
  ReadKept(entry, "ignore", rules);
  ReadKept(entry, "exclude_modules", rules);
  if (entry.Has("quantized_layers")) return ReadQuantizedLayers(entry, rules);
  std::size_t group = 16;
  if (entry.Has("group_size")) entry.Size("group_size", 1, kMaxGroup, &group);
  StorageRules::Rule rule{.packing = Nvfp4Packing(group)};
  if (entry.ok() && rule.where.Add("ffn.experts").ok()) rules->rules.push_back(std::move(rule));
}

void ReadPublishedV4(Fields& fields, Fields& entry, StorageRules* rules) {
  entry.Known({"quant_method", "fmt", "activation_scheme", "weight_block_size", "scale_fmt",
               "moe_quant_algo", "quant_algo", "group_size", "ignore", "exclude_modules",
               "quantized_layers", "producer", "modules_to_not_convert", "dequantize"});
  entry.OneOf("fmt", kE4m3Names);
  entry.Only("dequantize", false);
  entry.Only("scale_fmt", "ue8m0");
  entry.Only("weight_block_size", Json::Array{128, 128});
  rules->published_v4 = true;
  entry.Strings("modules_to_not_convert",
                [&](const std::string& name) { return rules->unconverted.Add(name); });
  if (entry.Has("moe_quant_algo")) ReadV4Experts(entry, rules);
  entry.Only("quant_algo", "MIXED_PRECISION");
  std::size_t fp8 = 0;
  fields.Choice("expert_dtype", {"fp4", "fp8"}, &fp8);
  if (fp8 == 0) return;
  StorageRules::Rule rule{.where = {}, .packing = PackingOf(StoredFormat::kFp8Block128)};
  if (rule.where.Add("ffn.experts").ok()) rules->rules.push_back(std::move(rule));
}

// Zero points are kept even where all of them are the same.
Packing Grouped(std::size_t bits, std::size_t group) {
  return {.number = Number::kInt,
          .bits = bits,
          .block_rows = 1,
          .block_cols = group,
          .block_bits = 16 + bits};
}

void ReadAwq(Fields& entry, StorageRules* rules) {
  entry.Known({"quant_method", "bits", "group_size", "zero_point", "version",
               "modules_to_not_convert", "backend", "do_fuse", "modules_to_fuse",
               "fuse_max_seq_len", "exllama_config"});
  std::size_t bits = 0, group = 0, version = 0;
  entry.Size("bits", 4, 4, &bits);
  entry.Size("group_size", 1, kMaxGroup, &group);
  entry.Only("zero_point", true);
  if (entry.Has("version")) entry.Choice("version", {"gemm"}, &version);
  ReadKept(entry, "modules_to_not_convert", rules);
  rules->linear = Grouped(bits, group);
}

void ReadGptq(Fields& entry, StorageRules* rules) {
  // Beside what is read here, how it was quantised and how it may be run.
  entry.Known({"quant_method",
               "bits",
               "group_size",
               "desc_act",
               "sym",
               "lm_head",
               "dynamic",
               "checkpoint_format",
               "modules_in_block_to_quantize",
               "modules_to_not_convert",
               "damp_percent",
               "damp_auto_increment",
               "static_groups",
               "true_sequential",
               "model_name_or_path",
               "model_file_base_name",
               "is_marlin_format",
               "meta",
               "dataset",
               "tokenizer",
               "block_name_to_quantize",
               "module_name_preceding_first_block",
               "batch_size",
               "pad_token_id",
               "disable_exllama",
               "use_exllama",
               "max_input_length",
               "use_cuda_fp16",
               "model_seqlen",
               "exllama_config",
               "cache_block_outputs",
               "pack_dtype"});
  std::size_t bits = 0, group = 0, format = 0;
  entry.Size("bits", 2, 8, &bits);
  if (bits == 5 || bits == 6 || bits == 7)
    entry.Refuse(Code::kUnsupported, "bits", "one of 2, 3, 4, 8");
  const Json* size = entry.Find("group_size");
  const bool whole = size != nullptr && size->AsInt() != nullptr && *size->AsInt() == -1;
  if (!whole) entry.Size("group_size", 1, kMaxGroup, &group);
  entry.Only("lm_head", false);
  entry.Only("dynamic", Json::Object{});
  entry.Only("is_marlin_format", false);
  entry.Only("pack_dtype", "int32");
  if (entry.Has("modules_in_block_to_quantize"))
    entry.Refuse(Code::kUnsupported, "modules_in_block_to_quantize", "nothing");
  if (entry.Has("checkpoint_format"))
    entry.Choice("checkpoint_format", {"gptq", "gptq_v2"}, &format);
  ReadKept(entry, "modules_to_not_convert", rules);
  Packing packing = Grouped(bits, whole ? kWhole : group);
  packing.column_bytes = 4;  // g_idx, int32
  rules->linear = packing;
}

void ReadMxfp4(Fields& entry, StorageRules* rules) {
  entry.Known({"quant_method", "modules_to_not_convert", "dequantize"});
  entry.Only("dequantize", false);
  ReadKept(entry, "modules_to_not_convert", rules);
  rules->linear = PackingOf(StoredFormat::kFp4Block32);
}

void ReadEntry(Fields& fields, Fields& entry, Family family, StorageRules* rules) {
  std::size_t method = 0;
  entry.Choice("quant_method", kMethods, &method);
  if (!entry.ok()) return;
  const std::string& name = kMethods[method];
  if (name == "fp8" && family == Family::kV4) return ReadPublishedV4(fields, entry, rules);
  if (name == "modelopt" || name == "modelopt_fp4") return ReadModelopt(entry, rules);
  if (name == "compressed-tensors") return ReadCompressedTensors(entry, rules);
  if (name == "fp8") ReadFp8(entry, family, rules);
  if (name == "awq") ReadAwq(entry, rules);
  if (name == "gptq") ReadGptq(entry, rules);
  if (name == "mxfp4") ReadMxfp4(entry, rules);
  // These tools pass over the head without listing it.
  if (!rules->kept.Add("lm_head").ok()) return;
}

void ReadPlain(Fields& fields, StorageRules* rules) {
  // Later releases of the library write "dtype".
  const char* const key = fields.Has("dtype") ? "dtype" : "torch_dtype";
  if (rules->quantized && !fields.Has(key)) return;
  std::size_t type = 0;
  fields.Choice(key, {"bfloat16", "float16", "float32"}, &type);
  if (type == 2) rules->plain = PackingOf(StoredFormat::kF32);
}

}  // namespace

void ReadKept(Fields& entry, const char* key, StorageRules* rules) {
  entry.Strings(key, [&](const std::string& name) { return rules->kept.Add(name); });
}

void NoteKvScales(const Fields& entry, StorageRules* rules) {
  if (!entry.Has("kv_cache_quant_algo") && !entry.Has("kv_cache_scheme")) return;
  rules->notes.emplace_back(
      "the KV cache's quantisation is not counted: entries have 16 bits, and their scales, some "
      "bytes a layer, are left out");
}

Packing StorageRules::PackingOf(const Module& module) const {
  if (module.linear && !kept.Match(module.name)) {
    for (const Rule& rule : rules)
      if (rule.where.Match(module.name)) return rule.packing;
    if (linear) return *linear;
  }
  if (module.packing && (published_v4 || !module.linear)) {
    return module.linear && unconverted.Match(module.name) ? plain : *module.packing;
  }
  return plain;
}

Result<StorageRules> ReadStorage(const Json& config, const Json* side, Family family) {
  Fields fields(config, "config.json");
  if (!fields.ok()) return fields.error();
  StorageRules rules;
  if (fields.Has("quantization_config")) {
    rules.quantized = true;
    Fields entry(*fields.Find("quantization_config"), "config.json: quantization_config");
    if (entry.ok()) ReadEntry(fields, entry, family, &rules);
    fields.Take(entry);
  } else if (side != nullptr) {
    rules.quantized = true;
    Fields file(*side, "hf_quant_config.json");
    ReadModeloptFile(file, &rules);
    fields.Take(file);
  } else if (family == Family::kV4 && fields.Has("expert_dtype")) {
    fields.Refuse(Code::kInvalid, "expert_dtype", "none where there is no quantization_config");
  }
  ReadPlain(fields, &rules);
  if (!fields.ok()) return fields.error();
  return rules;
}

}  // namespace hadal::arch
