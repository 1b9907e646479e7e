#include "text/added_tokens.h"

#include <algorithm>

#include "text/utf8.h"

namespace hadal::text {
namespace {

bool IsWhiteSpace(std::uint32_t c) {  // Unicode's White_Space
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

}  // namespace

const std::uint32_t* TokenTrie::Child(std::uint32_t node, unsigned char byte) const {
  for (const auto& [label, child] : nodes_[node].next)
    if (label == byte) return &child;
  return nullptr;
}

void TokenTrie::Add(std::string_view content, std::size_t token) {
  std::uint32_t node = 0;
  first_[static_cast<unsigned char>(content[0])] = true;
  for (const char c : content) {
    const auto byte = static_cast<unsigned char>(c);
    if (const std::uint32_t* child = Child(node, byte)) {
      node = *child;
      continue;
    }
    const auto made = static_cast<std::uint32_t>(nodes_.size());
    nodes_.emplace_back();
    nodes_[node].next.emplace_back(byte, made);
    node = made;
  }
  if (nodes_[node].token == kNone) nodes_[node].token = token;
}

std::optional<TokenTrie::Found> TokenTrie::LongestAt(std::string_view text,
                                                     std::size_t begin) const {
  std::optional<Found> longest;
  std::uint32_t node = 0;
  for (std::size_t i = begin; i < text.size(); ++i) {
    const std::uint32_t* child = Child(node, static_cast<unsigned char>(text[i]));
    if (child == nullptr) break;
    node = *child;
    if (nodes_[node].token != kNone) longest = Found{begin, i + 1, nodes_[node].token};
  }
  return longest;
}

std::optional<TokenTrie::Found> TokenTrie::Find(std::string_view text, std::size_t from) const {
  if (empty()) return std::nullopt;
  for (std::size_t i = from; i < text.size(); ++i) {
    if (!first_[static_cast<unsigned char>(text[i])]) continue;
    if (const auto found = LongestAt(text, i)) return found;
  }
  return std::nullopt;
}

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  for (std::size_t i = 0; i < tokens_.size(); ++i)
    (tokens_[i].normalized ? normalized_ : literal_).Add(tokens_[i].content, i);
}

std::size_t AddedTokens::SpaceAtBegin(std::string_view valid) {
  std::size_t bytes = 0;
  while (bytes < valid.size()) {
    const Utf8Char c = FirstUtf8Char(valid.substr(bytes));
    if (!IsWhiteSpace(c.code)) break;
    bytes += c.bytes;
  }
  return bytes;
}

std::size_t AddedTokens::SpaceAtEnd(std::string_view valid) {
  std::size_t begin = valid.size();
  while (begin > 0) {
    std::size_t last = begin - 1;
    while ((static_cast<unsigned char>(valid[last]) & 0xC0) == 0x80) --last;
    if (!IsWhiteSpace(FirstUtf8Char(valid.substr(last)).code)) break;
    begin = last;
  }
  return valid.size() - begin;
}

}  // namespace hadal::text
