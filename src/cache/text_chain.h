// Digests of a text's beginnings, page by page: what segments on disk are named by.
//
// Each covers the model, the scope and all tokens before it, so that what lies under a name is of
// this very text. Pages lie together in segments of kSegmentPages, at multiples of it; the last one
// of a text may have fewer.
#pragma once
#include <cstdint>
#include <vector>

#include "cache/prefix_tree.h"
#include "io/digest.h"

namespace hadal::cache {

inline constexpr std::uint64_t kSegmentPages = 8;

class TextChain {
 public:
  TextChain(const io::Digest& model, std::uint64_t scope, TokenSpan text);

  std::uint64_t pages() const { return at_.size() - 1; }  // whole ones of the text
  // The name of the segment of pages that ends behind so many; 0: what has none in front of it.
  const io::Digest& AtPage(std::uint64_t pages) const { return at_[pages]; }
  // The name of a state at so many tokens.
  io::Digest OfState(std::uint64_t tokens) const;

  // Where the segments of the first `pages` pages end.
  static std::vector<std::uint64_t> Ends(std::uint64_t pages);
  // The first page of the segment that ends there.
  static std::uint64_t Begin(std::uint64_t end) {
    return (end - 1) / kSegmentPages * kSegmentPages;
  }

 private:
  TokenSpan text_;
  std::vector<io::Digest> at_;
};

}  // namespace hadal::cache
