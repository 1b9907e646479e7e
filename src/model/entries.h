// Reading and writing the entries of a sequence's state, packed or as float32.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "model/pass.h"

namespace hadal::model {

std::span<std::byte> CompressedEntry(const Context& context, const SequenceState& sequence,
                                     std::size_t layer, std::uint64_t entry);
std::span<std::byte> IndexKey(const Context& context, const SequenceState& sequence,
                              std::size_t layer, std::uint64_t entry);

// Stores kv [head_dim] after the numerics' rounding (which changes kv); and reads it back.
void StoreEntry(const Context& context, std::span<float> kv, std::span<std::byte> entry);
void LoadEntry(const Context& context, std::span<const std::byte> entry, std::span<float> kv);
void StoreIndexKey(const Context& context, std::span<float> key, std::span<std::byte> entry);
void LoadIndexKey(const Context& context, std::span<const std::byte> entry, std::span<float> key);

}  // namespace hadal::model
