// A model that runs in no time and still has every kind of layer: tests only.
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

}  // namespace hadal::cache
