// The cost model of a config.json: one reader per family of architectures.
//
//   deepseek_v4                         window, CSA and HCA entries; FP8 + FP4 or plain weights
//   deepseek_v3, deepseek_v32           a latent of 512 + 64 for all heads; with an indexer in V3.2
//   llama mistral mixtral qwen2 qwen3 qwen3_moe   keys and values of each KV head
#pragma once
#include <functional>
#include <initializer_list>
#include <string_view>

#include "arch/config.h"
#include "arch/config_fields.h"
#include "arch/inventory.h"
#include "base/json.h"
#include "base/result.h"
#include "cost/cost_model.h"
#include "cost/weight_list.h"

namespace hadal::cost {

// By model_type. kInvalid, kUnsupported: "config.json: <field>: found <value>, expected ...". Fields
// that change a figure must be given; what follows from others by the architecture's own rule becomes
// a note of the model.
Result<CostModel> Describe(const Json& config, std::string name);

// How a V4 checkpoint stores a tensor; the default: as config.json says.
using StorageOf = std::function<StoredFormat(const arch::TensorSpec&)>;
// FP8 and FP4 as published if there is a quantization_config, else everything as torch_dtype says.
Result<StorageOf> StorageByConfig(const Json& config);
CostModel DescribeV4(const arch::Config& config, const StorageOf& storage, std::string name);

// Fields that belong to other architectures, and would change the figures if they meant anything here.
void RefuseOthers(arch::Fields& fields, std::initializer_list<std::string_view> keys);

Result<CostModel> DescribeMla(const Json& json, std::string name);
Result<CostModel> DescribeGqa(const Json& json, std::string name);

}  // namespace hadal::cost
