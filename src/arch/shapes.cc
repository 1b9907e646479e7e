#include "arch/shapes.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace hadal::arch {
namespace {

// What Flash and Pro have in common.
Config CommonShape() {
  Config c;
  c.vocab_size = 129280;
  c.head_dim = 512;
  c.qk_rope_head_dim = 64;
  c.o_lora_rank = 1024;
  c.sliding_window = 128;
  c.index_n_heads = 64;
  c.index_head_dim = 128;
  c.num_experts_per_tok = 6;
  c.num_hash_layers = 3;
  c.swiglu_limit = 10;
  c.rope_scaling.factor = 16;
  c.num_nextn_predict_layers = 1;
  c.max_position_embeddings = 1048576;
  c.bos_token_id = 0;
  c.eos_token_id = {1};
  return c;
}

// Two first layers, then CSA and HCA in turn, and a window-only MTP block.
std::vector<std::size_t> Ratios(std::size_t layers, std::size_t first) {
  std::vector<std::size_t> ratios = {first, first};
  while (ratios.size() < layers) ratios.push_back(ratios.size() % 2 == 0 ? kCsaRatio : kHcaRatio);
  ratios.push_back(0);
  return ratios;
}

std::vector<std::size_t> CutRatios(std::vector<std::size_t> ratios, std::size_t layers) {
  if (layers < ratios.size() && ratios[0] == ratios[1]) ratios.erase(ratios.begin());
  if (layers < ratios.size()) ratios.resize(layers);
  while (ratios.size() < layers)
    ratios.push_back(ratios.size() < 2 ? ratios[0] : ratios[ratios.size() - 2]);
  return ratios;
}

Status ChangeLayers(const ShapeChanges& changes, Config* c) {
  std::vector<std::size_t> ratios(
      c->compress_ratios.begin(),
      c->compress_ratios.begin() + static_cast<std::ptrdiff_t>(c->num_hidden_layers));
  const std::size_t old_layers = ratios.size();
  if (changes.layers == 0u) return Fail(Code::kInvalid, "layers: found 0, expected at least 1");
  if (changes.ratios) {
    ratios = *changes.ratios;
    if (changes.layers && *changes.layers != ratios.size()) {
      return Fail(Code::kInvalid, "ratios: found {}, expected one for each of {} layers",
                  ratios.size(), *changes.layers);
    }
  } else if (changes.layers) {
    ratios = CutRatios(std::move(ratios), *changes.layers);
  }
  const bool mtp =
      changes.mtp.value_or(ratios.size() == old_layers && c->num_nextn_predict_layers == 1);
  c->num_hidden_layers = ratios.size();
  c->num_hash_layers = std::min(c->num_hash_layers, ratios.size());
  c->num_nextn_predict_layers = mtp ? 1 : 0;
  if (mtp) ratios.push_back(0);
  c->compress_ratios = std::move(ratios);
  return Unit{};
}

Status ChangeV32Layers(const ShapeChanges& changes, Config* c) {
  if (changes.ratios)
    return Fail(Code::kInvalid, "ratios: found {}, expected none: V3.2 compresses nothing",
                changes.ratios->size());
  const std::size_t layers = changes.layers.value_or(c->num_hidden_layers);
  const bool fewer = layers < c->num_hidden_layers;
  if (fewer) c->first_k_dense_replace = std::min<std::size_t>(c->first_k_dense_replace, 1);
  const bool mtp =
      changes.mtp.value_or(layers == c->num_hidden_layers && c->num_nextn_predict_layers == 1);
  c->num_hidden_layers = layers;
  c->num_nextn_predict_layers = mtp ? 1 : 0;
  return Unit{};
}

}  // namespace

Config FlashShape() {
  Config c = CommonShape();
  c.hidden_size = 4096;
  c.num_hidden_layers = 43;
  c.num_attention_heads = 64;
  c.q_lora_rank = 1024;
  c.o_groups = 8;
  c.index_topk = 512;
  c.moe_intermediate_size = 2048;
  c.n_routed_experts = 256;
  c.routed_scaling_factor = 1.5;
  c.compress_ratios = Ratios(43, 0);
  return c;
}

Config ProShape() {
  Config c = CommonShape();
  c.hidden_size = 7168;
  c.num_hidden_layers = 61;
  c.num_attention_heads = 128;
  c.q_lora_rank = 1536;
  c.o_groups = 16;
  c.index_topk = 1024;
  c.moe_intermediate_size = 3072;
  c.n_routed_experts = 384;
  c.routed_scaling_factor = 2.5;
  c.compress_ratios = Ratios(61, kHcaRatio);
  return c;
}

Config V32Shape() {
  Config c;
  c.architecture = Architecture::kV32;
  c.vocab_size = 129280;
  c.hidden_size = 7168;
  c.num_hidden_layers = 61;
  c.num_attention_heads = 128;
  c.q_lora_rank = 1536;
  c.kv_lora_rank = 512;
  c.qk_nope_head_dim = 128;
  c.qk_rope_head_dim = 64;
  c.head_dim = c.kv_lora_rank + c.qk_rope_head_dim;
  c.v_head_dim = 128;
  c.index_n_heads = 64;
  c.index_head_dim = 128;
  c.index_topk = 2048;
  c.intermediate_size = 18432;
  c.first_k_dense_replace = 3;
  c.moe_intermediate_size = 2048;
  c.n_routed_experts = 256;
  c.num_experts_per_tok = 8;
  c.n_group = 8;
  c.topk_group = 4;
  c.routed_scaling_factor = 2.5;
  c.swiglu_limit = std::numeric_limits<double>::infinity();
  c.hc_mult = 1;
  c.rope_scaling = {.factor = 40, .original_max_position_embeddings = 4096, .mscale_all_dim = 1};
  c.num_nextn_predict_layers = 1;
  c.max_position_embeddings = 163840;
  c.bos_token_id = 0;
  c.eos_token_id = {1};
  return c;
}

Result<Config> ChangeShape(const Config& shape, const ShapeChanges& changes) {
  Config c = shape;
  const bool v32 = c.architecture == Architecture::kV32;
  HADAL_TRY_STATUS(v32 ? ChangeV32Layers(changes, &c) : ChangeLayers(changes, &c));
  if (changes.experts) c.n_routed_experts = *changes.experts;
  if (changes.vocab) c.vocab_size = *changes.vocab;
  if (changes.max_positions) c.max_position_embeddings = *changes.max_positions;
  // The reader of config.json knows every bound.
  return ParseConfig(ConfigToJson(c, true));
}

}  // namespace hadal::arch
