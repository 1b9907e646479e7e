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

// Where the batch's rows keep what every token of theirs leaves, in pages: one entry a token.
// entries_of: CompressedEntries or IndexKeys, of a layer of ratio 1.
using EntriesOf = kernels::PagedEntries (*)(const Context& context, const SequenceState& sequence,
                                            std::size_t layer);
std::span<std::byte* const> PlacesOf(const Pass& pass, std::size_t layer, EntriesOf entries_of,
                                     Arena::Scope& scope);

}  // namespace hadal::model
