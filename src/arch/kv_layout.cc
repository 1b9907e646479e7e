#include "arch/kv_layout.h"

#include <algorithm>

#include "arch/entry_format.h"
#include "arch/layer_kind.h"

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
  entry_bytes = EntryFormatOf(config, numerics).bytes();
  index_key_bytes = KeyFormatOf(config, numerics).bytes();
  for (std::size_t l = 0; l < StateLayers(config); ++l) {
    const bool mtp = l >= config.num_hidden_layers;
    if (mtp ? !selection.mtp : !selection.WantsLayer(l)) continue;
    LayerLayout layer;
    layer.mtp = mtp;
    layer.kind = LayerKindOf(config, l);
    const LayerKind& kind = layer.kind;
    if (kind.window) {
      layer.window_offset = fixed_bytes;
      fixed_bytes += (window_slots * entry_bytes + 63) / 64 * 64;  // floats follow
    }
    if (kind.pooled()) layer.tail = PlaceTail(kind.ratio, config.head_dim, &fixed_bytes);
    if (kind.pooled() && kind.indexed)
      layer.index_tail = PlaceTail(kind.ratio, config.index_head_dim, &fixed_bytes);
    if (kind.ratio != 0) {
      layer.page_entries = kPageTokens / kind.ratio;
      layer.entry_offset = page_bytes;
      page_bytes += layer.page_entries * entry_bytes;
    }
    if (kind.indexed) {
      layer.index_offset = page_bytes;
      page_bytes += layer.page_entries * index_key_bytes;
    }
    layers.push_back(layer);
  }
}

std::uint64_t KvLayout::TokensOfFixed() const {
  if (!forgets()) return 0;
  std::size_t rows = window;
  for (const LayerLayout& layer : layers)
    rows = std::max({rows, layer.tail.pooled, layer.index_tail.pooled});
  return (layers.size() - 1) * (window - 1) + rows + kReturnTokens;
}

}  // namespace hadal::arch
