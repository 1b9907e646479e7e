// The masks of a grammar over a vocabulary, kept by place: most tokens of a text come at a place
// that has been met before (inside a string, say).
//
// For one thread, as its matcher.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "grammar/matcher.h"
#include "grammar/token_trie.h"

namespace hadal::grammar {

class Masks {
 public:
  // Both outlive this. What is kept takes at most `bytes`, or one mask.
  Masks(Matcher& matcher, const TokenTrie& trie, std::size_t bytes = 8 << 20);

  // As Matcher::Allowed; good until the next call.
  std::span<const std::uint64_t> At(Place place);
  std::size_t bytes() const;  // of what is kept, about

 private:
  Matcher& matcher_;
  const TokenTrie& trie_;
  const std::size_t most_;
  std::uint64_t forgets_ = 0;
  std::unordered_map<Place, std::vector<std::uint64_t>> masks_;
};

}  // namespace hadal::grammar
