// Which model made a state: 64 bits that differ if config, layout of the state or weights do.
//
// Of the weights it covers every tensor's name, shape and format, and the first 4 KiB of the data
// of every tensor but the routed experts'. Those are tens of thousands in a large model, too many
// to read from disk: of them about kSampledExperts are read, drawn from all layers and matrices by
// their names. So a model whose experts were trained further has another fingerprint; one that
// differs in a few experts alone, or only behind the first 4 KiB of its tensors, may have the same.
#pragma once
#include <cstdint>

#include "arch/kv_layout.h"
#include "model/weights.h"

namespace hadal::cache {

inline constexpr std::size_t kSampledExperts = 1024;  // tensors; a model with no more has all read

// Independent of how the tensors are spread over files.
std::uint64_t Fingerprint(const model::Model& model, const arch::KvLayout& layout);

}  // namespace hadal::cache
