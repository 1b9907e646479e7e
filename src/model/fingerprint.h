// Which model made a state: 64 bits that differ if config, layout of the state or weights do.
//
// Of the weights it covers names, shapes, formats and the first bytes of every tensor but the routed
// experts', which are many and would have to be read from disk; a model whose experts alone were trained
// further has the same fingerprint.
#pragma once
#include <cstdint>

#include "model/kv_layout.h"
#include "model/weights.h"

namespace hadal::model {

std::uint64_t Fingerprint(const Model& model, const KvLayout& layout);

}  // namespace hadal::model
