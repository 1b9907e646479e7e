// The tokens of a vocabulary as a prefix tree, laid out depth first: a node's children follow it,
// and `behind` is the first node that is not below it.
//
// Most tokens are words: nothing but plain characters, those that a JSON string holds as they are
// (all but quote, backslash, what lies below space, and U+FF5C, which Builder::EscapeBars is for).
// Where so many of any of them may follow, these tokens may, and need not be walked: `plain`, and
// Plain.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace hadal::grammar {

class TokenTrie {
 public:
  struct Node {
    std::uint8_t byte = 0;
    std::uint16_t depth = 0;  // of the root 0
    std::uint32_t behind = 0;
    std::uint32_t first_token = 0, tokens = 0;  // with exactly these bytes
    // All tokens of this node and below it are plain and have at most so many characters; or
    // kMixed.
    std::uint32_t plain = 0;
  };
  static constexpr std::uint32_t kMixed = 0xFFFF'FFFF;

  // bytes[t]: token t's; empty: a token that stands for no text (control tokens), which is in no
  // node. Of a token longer than 4,096 bytes nothing is known: it is in no node either.
  explicit TokenTrie(std::span<const std::string_view> bytes);

  const std::vector<Node>& nodes() const { return nodes_; }
  std::span<const std::uint32_t> TokensOf(const Node& node) const {
    return std::span(tokens_).subspan(node.first_token, node.tokens);
  }
  std::size_t depth() const { return depth_; }  // of the deepest node
  // A mask of the tokens of at most so many plain characters and of nothing else.
  std::span<const std::uint64_t> Plain(std::uint32_t characters) const;
  std::size_t mask_words() const { return (vocabulary_ + 63) / 64; }

 private:
  void FindPlain(std::span<const std::string_view> bytes);

  std::vector<Node> nodes_;
  std::vector<std::uint32_t> tokens_;              // in the order of their bytes
  std::vector<std::vector<std::uint64_t>> plain_;  // by characters, from 0
  std::size_t depth_ = 0, vocabulary_ = 0;
};

}  // namespace hadal::grammar
