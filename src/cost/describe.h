// The cost model of a config.json, of any architecture that arch/any_config.h reads: one list of
// tensors a family, turned into the two lists of cost/cost_model.h.
//
//   deepseek_v4      window, CSA and HCA entries        describe_v4.cc
//   MLA              a latent for all heads, and index keys in sparse models   describe_mla.cc
//   transformers     keys and values of each KV head    describe_gqa.cc
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "arch/any_config.h"
#include "base/json.h"
#include "base/result.h"
#include "cost/cost_model.h"
#include "cost/weight_list.h"
#include "tensor/stored_format.h"

namespace hadal::cost {

// By model_type. kInvalid, kUnsupported: "config.json: <field>: found <value>, expected ...".
// `side`: hf_quant_config.json, or null. What was derived and not said by the config becomes a note
// of the model.
Result<CostModel> Describe(const Json& config, std::string name, const Json* side = nullptr);

// With the weights as `held` says, in place of the config's own account of how they are stored.
Result<CostModel> Describe(const arch::AnyConfig& config, const HeldBy& held, std::string name);

// As the config says. `rules` must outlive it.
HeldBy HeldByRules(const arch::StorageRules& rules);

// As a checkpoint's tensors are stored, of which `format_of` gives each one's format by its full
// name. Formats of the engine only: what it has opened.
using FormatOf = std::function<std::optional<StoredFormat>(const std::string& tensor)>;
HeldBy HeldByFormats(FormatOf format_of);

}  // namespace hadal::cost
