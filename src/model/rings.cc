#include "model/rings.h"

namespace hadal::model {

View2<std::byte> WindowRing(const arch::KvLayout& layout, const SequenceState& sequence,
                            std::size_t layer) {
  return {sequence.fixed.data() + layout.layers[layer].window_offset, layout.window_slots,
          layout.entry_bytes};
}

TailRows TailOf(const arch::TailLayout& tail, const SequenceState& sequence) {
  const auto at = [&](std::size_t offset) {
    return View2<float>(reinterpret_cast<float*>(sequence.fixed.data() + offset), tail.rows,
                        tail.width);
  };
  return {at(tail.kv_offset), at(tail.score_offset)};
}

}  // namespace hadal::model
