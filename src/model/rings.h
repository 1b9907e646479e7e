// The rings of a sequence's fixed block: where a token's window entry and its compressors' rows
// lie.
#pragma once
#include <cstddef>

#include "arch/kv_layout.h"
#include "model/sequence_state.h"
#include "tensor/view.h"

namespace hadal::model {

// A layer's window entries [slots, entry_bytes]; the token at position p lies in row p mod slots.
View2<std::byte> WindowRing(const arch::KvLayout& layout, const SequenceState& sequence,
                            std::size_t layer);

// A compressor's rows of the newest tokens; the token at position p lies in row p mod kv.rows().
struct TailRows {
  View2<float> kv, score;  // [ring rows, width]
};
TailRows TailOf(const arch::TailLayout& tail, const SequenceState& sequence);

}  // namespace hadal::model
