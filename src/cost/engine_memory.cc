#include "cost/engine_memory.h"

#include "model/forward.h"

namespace hadal::cost {

StateBytes AllocatedState(const arch::Config& config, const arch::KvLayout& layout,
                          std::uint64_t tokens) {
  const std::uint64_t pages = arch::PagesOf(tokens);
  StateBytes state;
  for (std::size_t l = 0; l < layout.layers.size(); ++l) {
    const arch::LayerLayout& layer = layout.layers[l];
    const std::uint64_t entries = pages * layer.page_entries * layout.entry_bytes;
    const bool mtp = l >= config.num_hidden_layers;
    (mtp ? state.mtp_window : state.window) += layout.window * layout.entry_bytes;
    state.tails += layer.tail.bytes() + layer.index_tail.bytes();
    if (layer.ratio == arch::kCsaRatio) {
      state.csa += entries;
      state.index_keys += pages * layer.page_entries * layout.index_key_bytes;
    } else {
      state.hca += entries;
    }
  }
  state.padding = layout.fixed_bytes + pages * layout.page_bytes - state.total();
  return state;
}

std::uint64_t ScratchBytes(const arch::Config& config, const arch::KvLayout& layout,
                           std::size_t max_tokens, std::size_t threads) {
  return model::Forward::ScratchBytes(config, layout, max_tokens, threads);
}

}  // namespace hadal::cost
