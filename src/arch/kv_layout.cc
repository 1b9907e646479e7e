#include "arch/kv_layout.h"

#include "kernels/block_quant.h"

namespace hadal::arch {
namespace {

TailLayout PlaceTail(std::size_t ratio, std::size_t width, std::size_t* offset) {
  TailLayout tail;
  // CSA blocks overlap: a row has the channels for the block before and for its own, and the
  // pooling of a block needs the rows of both.
  tail.pooled = ratio == kCsaRatio ? 2 * ratio : ratio;
  tail.rows = tail.pooled + kReturnTokens;
  tail.width = ratio == kCsaRatio ? 2 * width : width;
  tail.kv_offset = *offset;
  tail.score_offset = *offset + tail.bytes() / 2;
  *offset += tail.bytes();
  return tail;
}

}  // namespace

KvLayout::KvLayout(const Config& config, const Numerics& numerics)
    : KvLayout(config, numerics, Selection()) {}

KvLayout::KvLayout(const Config& config, const Numerics& numerics, const Selection& selection) {
  window = config.sliding_window;
  window_slots = window + kReturnTokens;
  entry_bytes = numerics.packed_cache
                    ? kernels::KvEntryShape{config.head_dim, config.qk_rope_head_dim}.bytes()
                    : config.head_dim * sizeof(float);
  index_key_bytes = numerics.packed_cache ? kernels::IndexKeyBytes(config.index_head_dim)
                                          : config.index_head_dim * sizeof(float);
  const std::size_t count = config.num_hidden_layers + config.num_nextn_predict_layers;
  for (std::size_t l = 0; l < count; ++l) {
    const bool mtp = l >= config.num_hidden_layers;
    if (mtp ? !selection.mtp : !selection.WantsLayer(l)) continue;
    LayerLayout layer;
    layer.mtp = mtp;
    layer.ratio = config.compress_ratios[l];
    layer.window_offset = fixed_bytes;
    fixed_bytes += (window_slots * entry_bytes + 63) / 64 * 64;  // floats follow
    if (layer.ratio != 0) {
      layer.tail = PlaceTail(layer.ratio, config.head_dim, &fixed_bytes);
      layer.page_entries = kPageTokens / layer.ratio;
      layer.entry_offset = page_bytes;
      page_bytes += layer.page_entries * entry_bytes;
    }
    if (layer.ratio == kCsaRatio) {
      layer.index_tail = PlaceTail(layer.ratio, config.index_head_dim, &fixed_bytes);
      layer.index_offset = page_bytes;
      page_bytes += layer.page_entries * index_key_bytes;
    }
    layers.push_back(layer);
  }
}

}  // namespace hadal::arch
