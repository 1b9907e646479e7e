// config.json of DeepSeek-V3.2 (model_type deepseek_v32), for arch alone: what a model
// that the engine runs must say. arch/mla_config.h reads the same file, and those of its relatives,
// for counting.
// Source: DeepSeek-V3.2-Exp config.json and inference/model.py, ModelArgs.
#pragma once
#include "arch/config.h"
#include "arch/config_fields.h"

namespace hadal::arch {

bool IsV32(const Json& config);  // by its model_type
Config ReadV32(Fields& fields);
// Sets scale_rule: powers of two by scale_fmt "ue8m0", exact without. It is said in
// quantization_config, and of weights that are not quantised by the config itself, as in the
// inference code's own: their activations and entries are rounded by the same rule.
void ReadV32Quantization(Fields& fields, Config& config);
bool SameYarn(const YarnScaling& a, const YarnScaling& b);  // also of V4's
Json V32ToJson(const Config& config, bool quantised);

}  // namespace hadal::arch
