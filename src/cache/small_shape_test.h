// Models that run in no time and still have every kind of layer, one of each architecture: tests
// only.
#pragma once
#include "arch/shapes.h"

namespace hadal::cache {

inline arch::Config SmallShape() {
  arch::Config c = arch::FlashShape();
  c.vocab_size = 64;
  c.hidden_size = 128;
  c.num_attention_heads = 2;
  c.head_dim = 128;
  c.q_lora_rank = 64;
  c.o_groups = 2;
  c.o_lora_rank = 32;
  c.sliding_window = 16;
  c.index_n_heads = 2;
  c.index_head_dim = 64;
  c.index_topk = 8;
  c.moe_intermediate_size = 64;
  c.n_routed_experts = 8;
  return c;
}

// The first layer dense, latents and keys of whole blocks of 128, an MTP block.
inline arch::Config SmallV32Shape() {
  arch::Config c = arch::V32Shape();
  c.vocab_size = 100;
  c.hidden_size = 128;
  c.num_attention_heads = 3;
  c.q_lora_rank = 64;
  c.kv_lora_rank = 128;
  c.head_dim = c.kv_lora_rank + c.qk_rope_head_dim;
  c.qk_nope_head_dim = 128;
  c.v_head_dim = 128;
  c.index_n_heads = 4;
  c.index_topk = 8;
  c.intermediate_size = 160;
  c.moe_intermediate_size = 64;
  c.n_routed_experts = 16;
  return arch::ChangeShape(c, {.layers = 3, .mtp = true}).value();
}

}  // namespace hadal::cache
