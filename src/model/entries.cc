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

}  // namespace hadal::model
