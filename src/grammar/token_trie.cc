#include "grammar/token_trie.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "text/utf8.h"

namespace hadal::grammar {
namespace {

constexpr std::size_t kLongest = 4096;
constexpr std::string_view kBar = "\uFF5C";

std::size_t Common(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

// How many plain characters the text is; none: it is not that.
std::optional<std::uint32_t> PlainCharacters(std::string_view text) {
  std::uint32_t characters = 0;
  for (; !text.empty(); ++characters) {
    const text::Utf8Step step = text::StepUtf8(text);
    const auto first = static_cast<unsigned char>(text[0]);
    if (!step.valid || first < 0x20 || first == '"' || first == '\\' || text.starts_with(kBar))
      return std::nullopt;
    text.remove_prefix(step.bytes);
  }
  return characters;
}

}  // namespace

TokenTrie::TokenTrie(std::span<const std::string_view> bytes) : vocabulary_(bytes.size()) {
  for (std::size_t t = 0; t < bytes.size(); ++t)
    if (!bytes[t].empty() && bytes[t].size() <= kLongest)
      tokens_.push_back(static_cast<std::uint32_t>(t));
  std::ranges::stable_sort(tokens_, {}, [&](std::uint32_t t) { return bytes[t]; });
  nodes_.push_back({});
  std::vector<std::uint32_t> path = {0};  // from the root to the last token's node
  const auto close = [&](std::size_t length) {
    for (; path.size() > length + 1; path.pop_back())
      nodes_[path.back()].behind = static_cast<std::uint32_t>(nodes_.size());
  };
  std::string_view last;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const std::string_view text = bytes[tokens_[i]];
    if (i == 0 || text != last) {
      close(i == 0 ? 0 : Common(last, text));
      while (path.size() <= text.size()) {
        path.push_back(static_cast<std::uint32_t>(nodes_.size()));
        nodes_.push_back({.byte = static_cast<std::uint8_t>(text[path.size() - 2]),
                          .depth = static_cast<std::uint16_t>(path.size() - 1),
                          .behind = 0,
                          .first_token = static_cast<std::uint32_t>(i),
                          .tokens = 0});
      }
      depth_ = std::max(depth_, text.size());
      nodes_[path.back()].first_token = static_cast<std::uint32_t>(i);
    }
    ++nodes_[path.back()].tokens;
    last = text;
  }
  close(0);
  nodes_[0].behind = static_cast<std::uint32_t>(nodes_.size());
  FindPlain(bytes);
}

void TokenTrie::FindPlain(std::span<const std::string_view> bytes) {
  std::vector<std::vector<std::uint32_t>> by_characters(1);
  // Children lie behind their parents: from the last node to the first, theirs are known.
  std::vector<std::uint32_t> below(depth_ + 2, 0);  // by depth: of the subtrees that came since
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    Node& node = nodes_[i];
    node.plain = std::exchange(below[node.depth + 1], 0);
    for (const std::uint32_t token : TokensOf(node)) {
      const auto characters = PlainCharacters(bytes[token]);
      node.plain = std::max(node.plain, characters.value_or(kMixed));
      if (!characters) continue;
      by_characters.resize(std::max<std::size_t>(by_characters.size(), *characters + 1));
      by_characters[*characters].push_back(token);
    }
    below[node.depth] = std::max(below[node.depth], node.plain);
  }
  std::vector<std::uint64_t> mask(mask_words());
  for (const std::vector<std::uint32_t>& tokens : by_characters) {
    for (const std::uint32_t token : tokens) mask[token / 64] |= std::uint64_t{1} << token % 64;
    plain_.push_back(mask);
  }
}

std::span<const std::uint64_t> TokenTrie::Plain(std::uint32_t characters) const {
  return plain_[std::min<std::size_t>(characters, plain_.size() - 1)];
}

}  // namespace hadal::grammar
