#include "cost/engine_memory.h"

#include "model/forward.h"

namespace hadal::cost {

StateBytes AllocatedState(const arch::Config& /*config*/, const arch::KvLayout& layout,
                          std::uint64_t tokens) {
  const std::uint64_t pages = arch::PagesOf(tokens);
  StateBytes state;
  for (const arch::LayerLayout& layer : layout.layers) {
    const std::uint64_t entries = pages * layer.page_entries * layout.entry_bytes;
    if (layer.kind.window) {
      (layer.mtp ? state.mtp_window : state.window) += layout.window * layout.entry_bytes;
      state.returning += (layout.window_slots - layout.window) * layout.entry_bytes;
    }
    for (const arch::TailLayout* tail : {&layer.tail, &layer.index_tail}) {
      state.tails += tail->pooled * tail->row_bytes();
      state.returning += (tail->rows - tail->pooled) * tail->row_bytes();
    }
    if (!layer.kind.pooled())
      state.latent += entries;
    else
      (layer.kind.indexed ? state.csa : state.hca) += entries;
    if (layer.kind.indexed) state.index_keys += pages * layer.page_entries * layout.index_key_bytes;
  }
  state.padding = layout.fixed_bytes + pages * layout.page_bytes - state.total();
  return state;
}

StateBytes& StateBytes::operator+=(const StateBytes& other) {
  window += other.window;
  csa += other.csa;
  index_keys += other.index_keys;
  hca += other.hca;
  tails += other.tails;
  latent += other.latent;
  mtp_window += other.mtp_window;
  returning += other.returning;
  padding += other.padding;
  return *this;
}

std::uint64_t ScratchBytes(const arch::Config& config, const arch::KvLayout& layout,
                           std::size_t max_tokens, std::size_t threads) {
  return model::Forward::ScratchBytes(config, layout, max_tokens, threads);
}

}  // namespace hadal::cost
