// The tokens of a tokenizer as grammars see them: bytes of text.
//
// Control tokens are no text: no grammar lets one through, however it is spelt. But for marks,
// which the caller names: a mark is one byte that UTF-8 never has (0xF8 the first, ..), so that a
// grammar asks for the token itself, and strings, which are UTF-8, cannot hold it. A tokenizer
// without that token spells the mark out.
//
// Immutable: any thread may use it. Costs a tenth of a second and 10 MB for 129,280 tokens, once.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "grammar/token_trie.h"
#include "text/tokenizer.h"

namespace hadal::engine {

class Vocabulary {
 public:
  // The tokenizer outlives this. At most 8 marks.
  explicit Vocabulary(const text::Tokenizer& tokenizer,
                      std::span<const std::string_view> marks = {});

  const grammar::TokenTrie& trie() const { return trie_; }
  std::string_view Bytes(std::int32_t token) const;  // empty: no text
  std::string Mark(std::string_view mark) const;     // how a grammar writes it

 private:
  std::vector<std::string_view> bytes_;                     // the tokenizer's, and those of marks
  std::vector<std::pair<std::string, std::string>> marks_;  // names, and how they are written
  grammar::TokenTrie trie_;
};

}  // namespace hadal::engine
