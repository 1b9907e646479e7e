// How a checkpoint stores its matrices, as its config says: the type of what is not quantised, and
// of what is quantised the packing of each, by the tool that did it.
//
//   quant_method        forms                                          what stays as it is
//   fp8                 E4M3, a scale a block or one a matrix          modules_to_not_convert
//   awq, gptq           integers, scale and zero point a group         modules_to_not_convert
//   mxfp4               FP4, a byte of scale a 1x32 (gpt-oss experts)  modules_to_not_convert
//   modelopt            NVFP4, FP8, FP8_PB_WO, or a list (mixed)       ignore, exclude_modules
//   compressed-tensors  packed integers, FP8, INT8, NVFP4, by groups   ignore
//
// A V4 config's "fp8" is the published FP8 + FP4 (expert_dtype), but for modules_to_not_convert;
// "moe_quant_algo" changes its experts. hf_quant_config.json, which older modelopt exports write
// beside a config without quantization_config, is read as the same. Embedding and router are never
// quantised; the head only where a tool's list of targets can hold it (modelopt,
// compressed-tensors).
//
// Everything in the entry is read, known to make no difference, or refused by name:
// "config.json: quantization_config: quant_method: found ..., expected one of ...".
// Source: config.json of DeepSeek-V3, V4, Qwen3-FP8, Qwen2.5-AWQ and -GPTQ, gpt-oss, nvidia's NVFP4
// and FP8 releases, Kimi-K2-Thinking; TensorRT Model Optimizer, unified HF export;
// compressed-tensors, README.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/name_patterns.h"
#include "arch/packing.h"
#include "base/json.h"
#include "base/result.h"

namespace hadal::arch {

// A matrix, or several alike (a layer's experts), or a vector, by its published name.
struct Module {
  std::string name = {};  // without ".weight"; of a layer's experts the first one's
  std::uint64_t rows = 1, cols = 1, count = 1;
  bool linear = false;  // quantisable
  std::optional<Packing> packing =
      {};  // where it is not as the config's type: of a published V4 file
};

struct StorageRules {
  Packing plain = {};         // what is not quantised: dtype
  bool quantized = false;     // there is a quantization_config or its like
  bool published_v4 = false;  // what no rule names lies as in a published V4 file

  struct Rule {
    NamePatterns where = {};
    Packing packing = {};
  };
  NamePatterns kept;               // never quantised
  NamePatterns unconverted;        // of a published V4 file: quantised there, plain here
  std::vector<Rule> rules;         // the first that matches
  std::optional<Packing> linear;   // of the other linear layers
  std::vector<std::string> notes;  // what is not counted

  Packing PackingOf(const Module& module) const;
};

enum class Family { kV4, kMla, kTransformer };

// `side`: hf_quant_config.json, or null. Read for its quantisation where the config has none.
Result<StorageRules> ReadStorage(const Json& config, const Json* side, Family family);

}  // namespace hadal::arch
