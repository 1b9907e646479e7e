#include "model/entries.h"

#include <cstring>

#include "kernels/block_quant.h"

namespace hadal::model {
namespace {

constexpr std::size_t kKvBlock = 64;

kernels::KvEntryShape EntryShape(const Context& context) {
  return {context.config.head_dim, context.config.qk_rope_head_dim};
}

std::span<std::byte> InPage(const Context& context, const SequenceState& sequence,
                            std::size_t layer, std::uint64_t entry, std::size_t offset,
                            std::size_t bytes) {
  const std::size_t per_page = context.layout.layers[layer].page_entries;
  HADAL_CHECK(entry / per_page < sequence.pages.size());
  return {sequence.pages[entry / per_page] + offset + entry % per_page * bytes, bytes};
}

}  // namespace

std::span<std::byte> CompressedEntry(const Context& context, const SequenceState& sequence,
                                     std::size_t layer, std::uint64_t entry) {
  return InPage(context, sequence, layer, entry, context.layout.layers[layer].entry_offset,
                context.layout.entry_bytes);
}

std::span<std::byte> IndexKey(const Context& context, const SequenceState& sequence,
                              std::size_t layer, std::uint64_t entry) {
  return InPage(context, sequence, layer, entry, context.layout.layers[layer].index_offset,
                context.layout.index_key_bytes);
}

void StoreEntry(const Context& context, std::span<float> kv, std::span<std::byte> entry) {
  if (context.numerics.packed_cache) return kernels::EncodeKvEntry(EntryShape(context), kv, entry);
  if (context.numerics.fp8_kv) kernels::RoundFp8(kv.first(context.config.nope_dim()), kKvBlock);
  std::memcpy(entry.data(), kv.data(), kv.size_bytes());
}

void LoadEntry(const Context& context, std::span<const std::byte> entry, std::span<float> kv) {
  if (context.numerics.packed_cache) return kernels::DecodeKvEntry(EntryShape(context), entry, kv);
  std::memcpy(kv.data(), entry.data(), kv.size_bytes());
}

void StoreIndexKey(const Context& context, std::span<float> key, std::span<std::byte> entry) {
  if (context.numerics.packed_cache) return kernels::EncodeIndexKey(key, entry);
  if (context.numerics.fp4_indexer) kernels::RoundFp4(key);
  std::memcpy(entry.data(), key.data(), key.size_bytes());
}

void LoadIndexKey(const Context& context, std::span<const std::byte> entry, std::span<float> key) {
  if (context.numerics.packed_cache) return kernels::DecodeIndexKey(entry, key);
  std::memcpy(key.data(), entry.data(), key.size_bytes());
}

}  // namespace hadal::model
