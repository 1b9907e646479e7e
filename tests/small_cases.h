// The small models that tests make for themselves, and where the shared golden data lies.
#pragma once
#include <string>
#include <vector>

#include "reference/random_case.h"

namespace hadal::tests {

// Every kind of layer, every storage, dimensions on and off the block sizes.
inline std::vector<reference::CaseSpec> SmallCases() {
  std::vector<reference::CaseSpec> cases;
  // Odd dimensions, nothing quantised, two HCA blocks.
  cases.push_back({.name = "odd_f32",
                   .checkpoint = {.seed = 11,
                                  .dim = 44,
                                  .heads = 3,
                                  .q_lora = 37,
                                  .o_groups = 3,
                                  .o_lora = 19,
                                  .window = 7,
                                  .index_topk = 5,
                                  .inter = 27,
                                  .experts = 5,
                                  .ratios = {0, 4, 128, 4}},
                   .prompt = 259,
                   .steps = 9});
  cases.push_back({.name = "bf16",
                   .checkpoint = {.seed = 12,
                                  .storage = reference::Storage::kBf16,
                                  .head_dim = 96,
                                  .rope_dim = 32,
                                  .window = 24,
                                  .index_topk = 12,
                                  .hash_layers = 0,
                                  .ratios = {128, 4, 0},
                                  .swiglu_limit = 10},
                   .prompt = 150,
                   .steps = 20,
                   .variants = {"f32", "f32q", "bf16"}});
  // The published formats in two shards; wo_a's groups start inside a block of 128 rows.
  cases.push_back({.name = "published",
                   .checkpoint = {.seed = 13,
                                  .storage = reference::Storage::kPublished,
                                  .shards = 2,
                                  .dim = 160,
                                  .head_dim = 128,
                                  .rope_dim = 64,
                                  .q_lora = 72,
                                  .o_lora = 64,
                                  .window = 24,
                                  .index_dim = 64,
                                  .index_topk = 12,
                                  .inter = 96,
                                  .experts = 8,
                                  .topk = 4,
                                  .ratios = {0, 4, 128}},
                   .prompt = 141,
                   .steps = 19,
                   .variants = {"f32", "f32q", "bf16"}});
  // A format a matrix, no MTP block, two table-routed layers, more entries wanted than there are, a
  // window longer than the text, and a prompt shorter than a block.
  cases.push_back({.name = "short_mixed",
                   .checkpoint = {.seed = 14,
                                  .storage = reference::Storage::kMixed,
                                  .shards = 3,
                                  .window = 64,
                                  .index_topk = 40,
                                  .hash_layers = 2,
                                  .ratios = {4, 4, 128},
                                  .mtp = false},
                   .prompt = 3,
                   .steps = 30});
  cases.push_back({.name = "one_layer_one_token",
                   .checkpoint = {.seed = 15,
                                  .storage = reference::Storage::kBf16,
                                  .heads = 2,
                                  .window = 1,
                                  .index_topk = 1,
                                  .experts = 3,
                                  .topk = 1,
                                  .hash_layers = 0,
                                  .ratios = {4}},
                   .prompt = 1,
                   .steps = 17});
  return cases;
}

}  // namespace hadal::tests
