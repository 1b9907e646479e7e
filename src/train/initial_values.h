// The values a new model starts from.
#pragma once
#include <torch/torch.h>

#include <cstdint>

#include "train/schema.h"

namespace hadal::train {

// float32 (int64 for the hash table), a function of its arguments alone: the same on every
// machine. place: of the spec in the list.
//
// kHyperBase, the static part of sub-layer s: pre = -3, but +3 for the sub-layer's own stream s mod
// 4; post = 0; comb = -3, but +3 on the diagonal. A sub-layer then reads its own stream, adds to
// all of them, and the streams hardly mix: a plain residual connection.
//
// kHyperFree: the same of what is not squeezed: pre = 0, but 1 for the own stream; post = 1; comb
// the identity.
//
// kHashTable: see HashTable.
torch::Tensor StartingValues(const ParameterSpec& spec, const arch::Config& config, double init_std,
                             std::uint64_t seed, std::uint64_t place);

// tid2eid of a hash layer, [vocab, chosen] int64: a fixed function of layer and token id. A run of
// floor(experts / chosen) consecutive ids shares one random permutation of the experts and takes
// disjoint pieces of it: the experts of a token are distinct, and over the vocabulary every expert
// gets (nearly) the same number of ids.
torch::Tensor HashTable(std::int64_t vocab, std::int64_t chosen, std::int64_t experts,
                        std::int64_t layer);

}  // namespace hadal::train
