#include "grammar/token_trie.h"

#include <algorithm>

namespace hadal::grammar {
namespace {

constexpr std::size_t kLongest = 4096;

std::size_t Common(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
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
}

}  // namespace hadal::grammar
