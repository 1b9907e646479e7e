// The tensor names of DeepSeek-V3.2's release, for arch/tensor_names.cc alone.
//
//   model.embed_tokens.weight  model.norm.weight  lm_head.weight    of the model
//   model.layers.N.<role>                                           of layer N
//   model.layers.L.<role>, L = num_hidden_layers                    of the MTP block
//   <role>: input_layernorm.weight, self_attn.q_a_proj.weight, mlp.experts.E.gate_proj.weight ..
// The scales of X.weight are X.weight_scale_inv.
// Source: DeepSeek-V3.2-Exp, model.safetensors.index.json.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "arch/tensor_names.h"

namespace hadal::arch {

// `id` has one in this naming: HADAL_CHECK.
std::string V32NameOf(const TensorId& id);
std::string_view V32RoleName(const TensorId& id);  // without layer and expert
// What is in every layer is of kLayer, the MTP block's too: its number alone tells it.
std::optional<TensorId> V32IdOf(std::string_view name);
// Embedding or head again, below the MTP block.
bool IsV32SharedCopy(std::string_view name);

}  // namespace hadal::arch
