// A layer's stored entries: how they are written and read, and where those lie that a row attends.
//
// An entry is one vector of head_dim channels, stored as published (V4: block_quant.h, V3.2:
// latent_entry.h) or in float32, rounded to what the published form would give back or not at all.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/threads.h"
#include "kernels/block_quant.h"
#include "tensor/view.h"

namespace hadal::kernels {

enum class EntryStorage { kPublished, kRounded, kFloat };
enum class EntryForm { kV4, kV32 };  // whose published form

struct EntryFormat {  // of key-value entries
  EntryStorage storage = EntryStorage::kPublished;
  KvEntryShape shape;
  EntryForm form = EntryForm::kV4;
  ScaleRule rule = ScaleRule::kPowerOfTwo;  // V4's is always that
  std::size_t bytes() const;
};
struct KeyFormat {  // of index keys
  EntryStorage storage = EntryStorage::kPublished;
  std::size_t dim = 0;
  EntryForm form = EntryForm::kV4;
  ScaleRule rule = ScaleRule::kPowerOfTwo;
  std::size_t bytes() const;
};

// x as the published form would give it back.
void RoundEntry(const EntryFormat& format, std::span<float> x);
void RoundEntry(const KeyFormat& format, std::span<float> x);
// One entry; x is changed by the rounding.
void StoreEntry(const EntryFormat& format, std::span<float> x, std::byte* to);
void StoreEntry(const KeyFormat& format, std::span<float> x, std::byte* to);
// Row i of x [n, channels] to to[i]. Rows are independent.
void StoreEntries(const EntryFormat& format, View2<float> x, std::span<std::byte* const> to,
                  Threads& threads);
void StoreEntries(const KeyFormat& format, View2<float> x, std::span<std::byte* const> to,
                  Threads& threads);

void LoadEntry(const EntryFormat& format, const std::byte* entry, std::span<float> x);
void LoadEntry(const KeyFormat& format, const std::byte* entry, std::span<float> x);

// Entries of a sequence in pages, of one layer: entry e lies in page e / page_entries.
struct PagedEntries {
  std::span<std::byte* const> pages;
  std::size_t page_entries = 0;
  std::size_t offset = 0;       // bytes, of a page's first entry
  std::size_t entry_bytes = 0;  // from one to the next
  std::byte* operator[](std::uint64_t entry) const {
    const std::uint64_t page = entry / page_entries;
    HADAL_CHECK(page < pages.size());
    return pages[page] + offset + entry % page_entries * entry_bytes;
  }
};

// Entries of a sequence's newest tokens, of one layer: a ring, and behind it the batch's own.
struct WindowEntries {
  View2<const std::byte> ring;   // position p in row p mod ring.rows(), if p < first_new
  View2<const std::byte> fresh;  // position p in row p - first_new
  std::uint64_t first_new = 0;
  const std::byte* operator[](std::uint64_t position) const {
    return position < first_new ? ring[position % ring.rows()].data()
                                : fresh[position - first_new].data();
  }
};

// ring <- the last rows of x [n, cols], which belong to positions first, first + 1, ...: position p
// to row p mod ring.rows().
void KeepInRing(View2<const std::byte> x, std::uint64_t first, View2<std::byte> ring);
void KeepInRing(View2<const float> x, std::uint64_t first, View2<float> ring);

namespace ref {  // one row, by the definitions of block_quant.h
void StoreEntry(const EntryFormat& format, std::span<float> x, std::byte* to);
void StoreEntry(const KeyFormat& format, std::span<float> x, std::byte* to);
}  // namespace ref

}  // namespace hadal::kernels
