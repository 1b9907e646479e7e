// Finds added tokens (<think>, <｜User｜>, ...) in text: leftmost first, and of those that begin at
// one place the longest.
//
// Tokens marked `normalized` are looked for after the others, in what those leave, as the published
// implementation does (it would normalize the text in between; there is no normalizer here). White
// space that a token took with it is not read again, so that every byte belongs to one token.
// Immutable once built; any thread may search.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/token_id.h"

namespace hadal::text {

struct AddedToken {
  TokenId id = 0;
  std::string content = {};  // not empty
  bool lstrip = false;       // takes the white space to its left with it
  bool rstrip = false;       // and to its right
  bool normalized = false;
};

// A set of strings as a trie of bytes.
class TokenTrie {
 public:
  void Add(std::string_view content, std::size_t token);  // a content given twice: the first counts

  struct Found {
    std::size_t begin, end, token;
  };
  // The leftmost, longest occurrence that begins at or after `from`.
  std::optional<Found> Find(std::string_view text, std::size_t from) const;
  bool empty() const { return nodes_.size() == 1; }

 private:
  static constexpr std::size_t kNone = ~std::size_t{0};
  struct Node {
    std::vector<std::pair<unsigned char, std::uint32_t>> next;  // few; searched in order
    std::size_t token = kNone;
  };
  const std::uint32_t* Child(std::uint32_t node, unsigned char byte) const;
  std::optional<Found> LongestAt(std::string_view text, std::size_t begin) const;

  std::vector<Node> nodes_ = {Node{}};
  std::array<bool, 256> first_{};  // bytes that some content begins with
};

class AddedTokens {
 public:
  explicit AddedTokens(std::vector<AddedToken> tokens);
  const std::vector<AddedToken>& tokens() const { return tokens_; }

  // Calls text(stretch) and token(id) in order; stretches are not empty.
  template <class OnText, class OnToken>
  void Cut(std::string_view all, OnText&& text, OnToken&& token) const {
    CutBy(
        literal_, all, [&](std::string_view part) { CutBy(normalized_, part, text, token); },
        token);
  }

 private:
  template <class OnText, class OnToken>
  void CutBy(const TokenTrie& trie, std::string_view all, OnText&& text, OnToken&& token) const {
    std::size_t done = 0, from = 0;
    while (const auto found = trie.Find(all, from)) {
      const AddedToken& added = tokens_[found->token];
      std::size_t begin = found->begin, end = found->end;
      if (added.lstrip) begin -= SpaceAtEnd(all.substr(done, begin - done));
      if (added.rstrip) end += SpaceAtBegin(all.substr(end));
      if (begin > done) text(all.substr(done, begin - done));
      token(added.id);
      done = from = end;
    }
    if (done < all.size()) text(all.substr(done));
  }
  static std::size_t SpaceAtEnd(std::string_view valid);
  static std::size_t SpaceAtBegin(std::string_view valid);

  std::vector<AddedToken> tokens_;
  TokenTrie literal_, normalized_;
};

}  // namespace hadal::text
