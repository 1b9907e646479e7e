// The rings of a sequence's fixed block: where a token's window entry and its compressors' rows lie.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "arch/kv_layout.h"
#include "model/sequence_state.h"
#include "tensor/view.h"

namespace hadal::model {

std::span<std::byte> WindowSlot(const arch::KvLayout& layout, const SequenceState& sequence,
                                std::size_t layer, std::uint64_t position);

// A compressor's rows of the newest tokens; the token at position p lies in row p mod kv.rows().
struct TailRows {
  View2<float> kv, score;  // [ring rows, width]
};
TailRows TailOf(const arch::TailLayout& tail, const SequenceState& sequence);

}  // namespace hadal::model
