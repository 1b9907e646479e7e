#include "grammar/masks.h"

#include <algorithm>

namespace hadal::grammar {

Masks::Masks(Matcher& matcher, const TokenTrie& trie, std::size_t bytes)
    : matcher_(matcher),
      trie_(trie),
      most_(bytes / std::max<std::size_t>(sizeof(std::uint64_t) * trie.mask_words(), 1)) {}

std::size_t Masks::bytes() const {
  constexpr std::size_t kNodeBytes = 64;
  return masks_.size() * (sizeof(std::uint64_t) * trie_.mask_words() + kNodeBytes);
}

std::span<const std::uint64_t> Masks::At(Place place) {
  if (forgets_ != matcher_.forgets()) {
    masks_.clear();  // places have other numbers now
    forgets_ = matcher_.forgets();
  }
  const auto known = masks_.find(place);
  if (known != masks_.end()) return known->second;
  if (masks_.size() >= most_) masks_.clear();
  std::vector<std::uint64_t>& mask = masks_[place];
  matcher_.Allowed(place, trie_, &mask);
  return mask;
}

}  // namespace hadal::grammar
