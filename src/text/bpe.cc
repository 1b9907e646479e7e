#include "text/bpe.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>

#include "base/check.h"
#include "base/random.h"

namespace hadal::text {
namespace {

constexpr std::size_t kShortBytes = 48;  // up to here scanning beats the heap
// Positions within a piece take 32 bits. Longer pieces are cut; no text of that kind is meant to be
// one piece.
constexpr std::size_t kMaxPieceBytes = std::size_t{1} << 31;
constexpr std::uint32_t kEnd = ~std::uint32_t{0};

std::uint64_t HashBytes(std::string_view bytes) {
  std::uint64_t hash = bytes.size();
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
  }
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data() + i, bytes.size() - i);
  return MixBits(hash ^ word);
}

}  // namespace

MergeTable::MergeTable(std::size_t merges) : slots_(std::bit_ceil(2 * merges + 2)) {
  merged_.reserve(merges);
}

std::size_t MergeTable::Start(TokenId left, TokenId right) const {
  const std::uint64_t key =
      std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
  return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15u) >> 20) & (slots_.size() - 1);
}

bool MergeTable::Add(TokenId left, TokenId right, TokenId merged) {
  HADAL_CHECK(2 * merged_.size() + 2 <= slots_.size());
  std::size_t at = Start(left, right);
  for (; slots_[at].rank != kNone; at = (at + 1) & (slots_.size() - 1))
    if (slots_[at].left == left && slots_[at].right == right) return false;
  slots_[at] = {left, right, static_cast<std::uint32_t>(merged_.size())};
  merged_.push_back(merged);
  return true;
}

std::uint32_t MergeTable::Rank(TokenId left, TokenId right) const {
  for (std::size_t at = Start(left, right);; at = (at + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[at];
    if (slot.rank == kNone || (slot.left == left && slot.right == right)) return slot.rank;
  }
}

BpeScratch::BpeScratch() : cache_(kEntries) {}

std::size_t BpeScratch::bytes() const {
  return cache_.capacity() * sizeof(Entry) + long_piece_bytes();
}

void Bpe::Encode(std::string_view piece, BpeScratch* scratch, std::vector<TokenId>* ids) const {
  if (piece.size() > BpeScratch::kCacheBytes) return Merge(piece, scratch, ids);
  BpeScratch::Entry& entry = scratch->cache_[HashBytes(piece) & (BpeScratch::kEntries - 1)];
  if (entry.size == piece.size() &&
      std::memcmp(entry.bytes.data(), piece.data(), piece.size()) == 0) {
    ids->insert(ids->end(), entry.ids.begin(), entry.ids.begin() + entry.count);
    return;
  }
  const std::size_t before = ids->size();
  Merge(piece, scratch, ids);
  const std::size_t count = ids->size() - before;
  if (count > BpeScratch::kCacheIds) return;
  std::copy(ids->end() - static_cast<std::ptrdiff_t>(count), ids->end(), entry.ids.begin());
  std::copy(piece.begin(), piece.end(), entry.bytes.begin());
  entry.size = static_cast<std::uint8_t>(piece.size());
  entry.count = static_cast<std::uint8_t>(count);
}

void Bpe::Merge(std::string_view piece, BpeScratch* scratch, std::vector<TokenId>* ids) const {
  if (!whole_.empty()) {
    if (const auto found = whole_.find(std::string(piece)); found != whole_.end()) {
      ids->push_back(found->second);
      return;
    }
  }
  if (piece.size() <= kShortBytes) return MergeShort(piece, ids);
  for (; !piece.empty(); piece.remove_prefix(std::min(piece.size(), kMaxPieceBytes)))
    MergeLong(piece.substr(0, kMaxPieceBytes), scratch, ids);
}

void Bpe::MergeShort(std::string_view piece, std::vector<TokenId>* ids) const {
  std::array<TokenId, kShortBytes> id;
  std::array<std::uint32_t, kShortBytes> rank;  // of symbol i with symbol i + 1
  std::size_t count = piece.size();
  for (std::size_t i = 0; i < count; ++i) id[i] = byte_ids_[static_cast<unsigned char>(piece[i])];
  for (std::size_t i = 0; i + 1 < count; ++i) rank[i] = merges_.Rank(id[i], id[i + 1]);
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i)
      if (rank[i] < rank[best]) best = i;
    if (rank[best] == MergeTable::kNone) break;
    id[best] = merges_.Merged(rank[best]);
    --count;
    for (std::size_t i = best + 1; i < count; ++i) id[i] = id[i + 1];
    for (std::size_t i = best + 1; i + 1 < count; ++i) rank[i] = rank[i + 1];
    if (best + 1 < count) rank[best] = merges_.Rank(id[best], id[best + 1]);
    if (best > 0) rank[best - 1] = merges_.Rank(id[best - 1], id[best]);
  }
  ids->insert(ids->end(), id.begin(), id.begin() + static_cast<std::ptrdiff_t>(count));
}

void Bpe::MergeLong(std::string_view piece, BpeScratch* scratch, std::vector<TokenId>* ids) const {
  auto& symbols = scratch->symbols_;
  auto& heap = scratch->heap_;  // rank << 32 | position of the left symbol
  symbols.resize(piece.size());
  heap.clear();
  const auto key = [&](std::uint32_t left) -> std::uint64_t {
    const std::uint32_t right = symbols[left].next;
    const std::uint32_t rank =
        right == kEnd ? MergeTable::kNone : merges_.Rank(symbols[left].id, symbols[right].id);
    return std::uint64_t{rank} << 32 | left;
  };
  const auto merges = [](std::uint64_t pair) { return pair >> 32 != MergeTable::kNone; };
  const auto push = [&](std::uint32_t left) {
    if (const std::uint64_t pair = key(left); merges(pair)) {
      heap.push_back(pair);
      std::ranges::push_heap(heap, std::greater<>());
    }
  };

  for (std::uint32_t i = 0; i < piece.size(); ++i)
    symbols[i] = {byte_ids_[static_cast<unsigned char>(piece[i])], i == 0 ? kEnd : i - 1,
                  i + 1 == piece.size() ? kEnd : i + 1};
  for (std::uint32_t i = 0; i < piece.size(); ++i)
    if (const std::uint64_t pair = key(i); merges(pair)) heap.push_back(pair);
  std::ranges::make_heap(heap, std::greater<>());

  while (!heap.empty()) {
    std::ranges::pop_heap(heap, std::greater<>());
    const std::uint64_t pair = heap.back();
    heap.pop_back();
    const auto left = static_cast<std::uint32_t>(pair);
    // The symbols here may have merged since; then the pair has another rank now, or none.
    if (symbols[left].id == kNoToken || key(left) != pair) continue;
    auto& symbol = symbols[left];
    const std::uint32_t right = symbol.next;
    symbol.id = merges_.Merged(static_cast<std::uint32_t>(pair >> 32));
    symbol.next = symbols[right].next;
    symbols[right].id = kNoToken;
    if (symbol.next != kEnd) symbols[symbol.next].previous = left;
    push(left);
    if (symbol.previous != kEnd) push(symbol.previous);
  }
  for (std::uint32_t i = 0; i != kEnd; i = symbols[i].next) ids->push_back(symbols[i].id);
  if (scratch->long_piece_bytes() <= BpeScratch::kKeepBytes) return;
  // Not `= {}`: that is an empty list, and a vector keeps its memory for one.
  std::vector<BpeScratch::Symbol>().swap(symbols);
  std::vector<std::uint64_t>().swap(heap);
}

}  // namespace hadal::text
