#include "model/entries.h"

#include <cstring>

#include "kernels/block_quant.h"

namespace hadal::model {
namespace {

constexpr std::size_t kKvBlock = 64;

kernels::KvEntryShape EntryShape(const Pass& pass) {
  return {pass.config.head_dim, pass.config.qk_rope_head_dim};
}

std::span<std::byte> InPage(const Pass& pass, const SequenceState& sequence, std::size_t layer,
                            std::uint64_t entry, std::size_t offset, std::size_t bytes) {
  const std::size_t per_page = pass.layout.layers[layer].page_entries;
  HADAL_CHECK(entry / per_page < sequence.pages.size());
  return {sequence.pages[entry / per_page] + offset + entry % per_page * bytes, bytes};
}

}  // namespace

std::span<std::byte> WindowSlot(const Pass& pass, const SequenceState& sequence, std::size_t layer,
                                std::uint64_t position) {
  const std::size_t bytes = pass.layout.entry_bytes;
  return sequence.fixed.subspan(
      pass.layout.layers[layer].window_offset + position % pass.layout.window * bytes, bytes);
}

std::span<std::byte> CompressedEntry(const Pass& pass, const SequenceState& sequence,
                                     std::size_t layer, std::uint64_t entry) {
  return InPage(pass, sequence, layer, entry, pass.layout.layers[layer].entry_offset,
                pass.layout.entry_bytes);
}

std::span<std::byte> IndexKey(const Pass& pass, const SequenceState& sequence, std::size_t layer,
                              std::uint64_t entry) {
  return InPage(pass, sequence, layer, entry, pass.layout.layers[layer].index_offset,
                pass.layout.index_key_bytes);
}

void StoreEntry(const Pass& pass, std::span<float> kv, std::span<std::byte> entry) {
  if (pass.numerics.packed_cache) return kernels::EncodeKvEntry(EntryShape(pass), kv, entry);
  if (pass.numerics.fp8_kv) kernels::RoundFp8(kv.first(pass.config.nope_dim()), kKvBlock);
  std::memcpy(entry.data(), kv.data(), kv.size_bytes());
}

void LoadEntry(const Pass& pass, std::span<const std::byte> entry, std::span<float> kv) {
  if (pass.numerics.packed_cache) return kernels::DecodeKvEntry(EntryShape(pass), entry, kv);
  std::memcpy(kv.data(), entry.data(), kv.size_bytes());
}

void StoreIndexKey(const Pass& pass, std::span<float> key, std::span<std::byte> entry) {
  if (pass.numerics.packed_cache) return kernels::EncodeIndexKey(key, entry);
  if (pass.numerics.fp4_indexer) kernels::RoundFp4(key);
  std::memcpy(entry.data(), key.data(), key.size_bytes());
}

void LoadIndexKey(const Pass& pass, std::span<const std::byte> entry, std::span<float> key) {
  if (pass.numerics.packed_cache) return kernels::DecodeIndexKey(entry, key);
  std::memcpy(key.data(), entry.data(), key.size_bytes());
}

}  // namespace hadal::model
