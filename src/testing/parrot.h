// Tests only: a model that says what a test wants it to say.
//
// Greedily, behind chain[i] comes chain[i + 1], whatever was read before: a copy of another model
// whose layers add nothing to the streams, so that a token's logits are its own embedding's, and
// whose embeddings and head are made for it. Its MTP block says the same. All else of the model
// computes as it always does.
#pragma once
#include <cstdint>
#include <span>
#include <string>

namespace hadal::testing {

// from: a checkpoint in one model.safetensors, in the published format, with BF16 embeddings
// and head; to: a folder that is there. No token may come twice in a chain.
void MakeParrot(const std::string& from, const std::string& to,
                std::span<const std::int32_t> chain);

}  // namespace hadal::testing
