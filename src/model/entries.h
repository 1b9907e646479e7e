// The entries of a sequence's state as kernels see them.
#pragma once
#include <cstddef>

#include "kernels/entries.h"
#include "model/pass.h"

namespace hadal::model {

kernels::EntryFormat EntryFormatOf(const Context& context);
kernels::KeyFormat KeyFormatOf(const Context& context);

// A layer's compressed entries, and a CSA layer's index keys.
kernels::PagedEntries CompressedEntries(const Context& context, const SequenceState& sequence,
                                        std::size_t layer);
kernels::PagedEntries IndexKeys(const Context& context, const SequenceState& sequence,
                                std::size_t layer);

}  // namespace hadal::model
