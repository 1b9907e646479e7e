#include "cache/text_chain.h"

namespace hadal::cache {

TextChain::TextChain(const io::Digest& model, std::uint64_t scope, TokenSpan text) : text_(text) {
  at_.push_back(io::Digester().Add("text").Add(model).Add(scope).Get());
  for (std::size_t at = 0; text.size() - at >= arch::kPageTokens; at += arch::kPageTokens)
    at_.push_back(io::Digester()
                      .Add(at_.back())
                      .Add(std::as_bytes(text.subspan(at, arch::kPageTokens)))
                      .Get());
}

io::Digest TextChain::OfState(std::uint64_t tokens) const {
  const std::uint64_t page = tokens / arch::kPageTokens, begin = page * arch::kPageTokens;
  return io::Digester()
      .Add("state")
      .Add(AtPage(page))
      .Add(std::as_bytes(text_.subspan(begin, tokens - begin)))
      .Get();
}

std::vector<std::uint64_t> TextChain::Ends(std::uint64_t pages) {
  std::vector<std::uint64_t> ends;
  for (std::uint64_t end = kSegmentPages; end <= pages; end += kSegmentPages) ends.push_back(end);
  if (pages % kSegmentPages != 0) ends.push_back(pages);
  return ends;
}

}  // namespace hadal::cache
