#include "model/entries.h"

namespace hadal::model {
namespace {

kernels::EntryStorage StorageOf(const arch::Numerics& numerics, bool rounded) {
  if (numerics.packed_cache) return kernels::EntryStorage::kPublished;
  return rounded ? kernels::EntryStorage::kRounded : kernels::EntryStorage::kFloat;
}

}  // namespace

kernels::EntryFormat EntryFormatOf(const Context& context) {
  return {StorageOf(context.numerics, context.numerics.fp8_kv),
          {context.config.head_dim, context.config.qk_rope_head_dim}};
}

kernels::KeyFormat KeyFormatOf(const Context& context) {
  return {StorageOf(context.numerics, context.numerics.fp4_indexer), context.config.index_head_dim};
}

kernels::PagedEntries CompressedEntries(const Context& context, const SequenceState& sequence,
                                        std::size_t layer) {
  const arch::LayerLayout& layout = context.layout.layers[layer];
  return {sequence.pages, layout.page_entries, layout.entry_offset, context.layout.entry_bytes};
}

kernels::PagedEntries IndexKeys(const Context& context, const SequenceState& sequence,
                                std::size_t layer) {
  const arch::LayerLayout& layout = context.layout.layers[layer];
  return {sequence.pages, layout.page_entries, layout.index_offset, context.layout.index_key_bytes};
}

}  // namespace hadal::model
