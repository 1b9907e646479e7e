// Byte pair merges: a piece's bytes become tokens by merging, again and again, the adjacent pair of
// the lowest rank, the leftmost of them first.
//
// Long pieces take O(n log n) through a heap, short ones a scan; recurring pieces come from a cache
// in the scratch. A Bpe is immutable; each thread brings its own BpeScratch.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/token_id.h"

namespace hadal::text {

inline constexpr TokenId kNoToken = -1;

// Pair of tokens -> rank of their merge, in a flat hash table.
class MergeTable {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  explicit MergeTable(std::size_t merges);
  // The rank is the number of pairs added before. false, and nothing done, if the pair is there.
  bool Add(TokenId left, TokenId right, TokenId merged);
  std::uint32_t Rank(TokenId left, TokenId right) const;  // kNone: they do not merge
  TokenId Merged(std::uint32_t rank) const { return merged_[rank]; }
  std::size_t size() const { return merged_.size(); }

 private:
  struct Slot {
    TokenId left, right;
    std::uint32_t rank = kNone;
  };
  std::size_t Start(TokenId left, TokenId right) const;

  std::vector<Slot> slots_;  // a power of two, at most half full
  std::vector<TokenId> merged_;
};

class BpeScratch {
 public:
  BpeScratch();
  std::size_t bytes() const;  // that it holds; what a long piece took is given back (kKeepBytes)

  static constexpr std::size_t kKeepBytes = std::size_t{1} << 20;  // for long pieces

 private:
  friend class Bpe;
  static constexpr std::size_t kCacheBytes = 34, kCacheIds = 7;
  struct Entry {  // 64 bytes: a cache line
    std::array<TokenId, kCacheIds> ids;
    std::array<char, kCacheBytes> bytes;
    std::uint8_t size = 0, count = 0;
  };
  static constexpr std::size_t kEntries = 1 << 14;

  std::vector<Entry> cache_;
  // Of a long piece: the symbols as a linked list, and the pairs that may merge, lowest rank first.
  struct Symbol {
    TokenId id;
    std::uint32_t previous, next;
  };
  std::size_t long_piece_bytes() const {
    return symbols_.capacity() * sizeof(Symbol) + heap_.capacity() * sizeof(std::uint64_t);
  }
  std::vector<Symbol> symbols_;
  std::vector<std::uint64_t> heap_;
};

class Bpe {
 public:
  // byte_ids: the token of each single byte; kNoToken only for bytes that valid UTF-8 never has.
  Bpe(MergeTable merges, const std::array<TokenId, 256>& byte_ids)
      : merges_(std::move(merges)), byte_ids_(byte_ids) {}
  // Pieces that are tokens as they stand are not taken apart (ignore_merges).
  void SetWholePieces(std::unordered_map<std::string, TokenId> whole) { whole_ = std::move(whole); }

  // Appends the tokens of one piece of valid UTF-8.
  void Encode(std::string_view piece, BpeScratch* scratch, std::vector<TokenId>* ids) const;

 private:
  void Merge(std::string_view piece, BpeScratch* scratch, std::vector<TokenId>* ids) const;
  void MergeShort(std::string_view piece, std::vector<TokenId>* ids) const;
  void MergeLong(std::string_view piece, BpeScratch* scratch, std::vector<TokenId>* ids) const;

  MergeTable merges_;
  std::array<TokenId, 256> byte_ids_;
  std::unordered_map<std::string, TokenId> whole_;
};

}  // namespace hadal::text
