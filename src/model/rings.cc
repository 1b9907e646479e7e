#include "model/rings.h"

namespace hadal::model {

std::span<std::byte> WindowSlot(const arch::KvLayout& layout, const SequenceState& sequence,
                                std::size_t layer, std::uint64_t position) {
  const std::size_t bytes = layout.entry_bytes;
  return sequence.fixed.subspan(
      layout.layers[layer].window_offset + position % layout.window * bytes, bytes);
}

TailRows TailOf(const arch::TailLayout& tail, const SequenceState& sequence) {
  const auto at = [&](std::size_t offset) {
    return View2<float>(reinterpret_cast<float*>(sequence.fixed.data() + offset), tail.rows,
                        tail.width);
  };
  return {at(tail.kv_offset), at(tail.score_offset)};
}

}  // namespace hadal::model
