#include "model/entries.h"

#include "arch/entry_format.h"

namespace hadal::model {

kernels::EntryFormat EntryFormatOf(const Context& context) {
  return arch::EntryFormatOf(context.config, context.numerics);
}

kernels::KeyFormat KeyFormatOf(const Context& context) {
  return arch::KeyFormatOf(context.config, context.numerics);
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

std::span<std::byte* const> PlacesOf(const Pass& pass, std::size_t layer, EntriesOf entries_of,
                                     Arena::Scope& scope) {
  const std::span<std::byte*> places = scope.Take<std::byte*>(pass.rows());
  for (std::size_t t = 0; t < places.size(); ++t) {
    const BatchChunk& chunk = pass.batch.chunks[pass.batch.chunk_of[t]];
    places[t] = entries_of(pass, *chunk.sequence, layer)[pass.batch.positions[t]];
  }
  return places;
}

}  // namespace hadal::model
