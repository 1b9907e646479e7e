// One sequence's memory as the model sees it: src/cache/ owns it, arch/kv_layout.h says what lies
// where.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace hadal::model {

struct SequenceState {
  std::uint64_t tokens = 0;      // processed so far by the main layers
  std::uint64_t mtp_tokens = 0;  // processed so far by the MTP block
  // Of the block's positions the first behind the last gap: its window has none before it.
  std::uint64_t mtp_first = 0;
  std::span<std::byte> fixed;  // KvLayout::fixed_bytes, zeroed before the first token
  std::span<std::byte* const>
      pages;  // KvLayout::page_bytes each; enough for the chunk's last token
};

}  // namespace hadal::model
