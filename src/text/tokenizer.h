// Byte-level BPE from a published tokenizer.json.
//
// Encoding: text goes through the pre-tokenizer's splits (regular expressions, PCRE2 with Unicode
// properties) and byte pair merges in rank order. Invalid UTF-8 is read as U+FFFD, one per maximal
// bad sequence, as a lossy decoding does. No BOS is added. A Tokenizer is immutable: any thread may
// use it.
//
// Added tokens (<think>, <｜User｜>, ...) tell a model who speaks. So the text of a user or of
// a file never becomes one: by default their names are text like any other. Who wrote the text in
// the chat format asks for ControlTokens::kRead, the rule of the published file: they are cut out
// of the text first (leftmost, longest), and what is between them is encoded. Source: the Hugging
// Face tokenizer.json format; DeepSeek-V3/V4 tokenizer.json.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/token_id.h"

namespace hadal::text {

enum class ControlTokens { kText, kRead };

class Tokenizer {
 public:
  static Result<Tokenizer> Parse(std::string_view tokenizer_json);
  static Result<Tokenizer> Open(const std::string& path);  // a tokenizer.json, or its directory
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  std::vector<TokenId> Encode(std::string_view text,
                              ControlTokens control = ControlTokens::kText) const;
  std::string Decode(std::span<const TokenId> ids) const;  // invalid UTF-8 becomes U+FFFD
  // The raw bytes of one token (they need not be whole characters); empty for an unknown id.
  std::string_view TokenBytes(TokenId id) const;
  std::optional<TokenId> AddedToken(std::string_view content) const;
  std::size_t vocab_size() const;  // highest id + 1
  std::size_t longest_token_bytes() const;
  // How many tokens a text has at the least, by its bytes alone.
  std::size_t LeastTokens(std::string_view text) const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Turns tokens into text as they come: holds back bytes that are not yet a whole character.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer) : tokenizer_(&tokenizer) {}
  std::string Push(TokenId id);  // the complete characters that this token finishes
  std::string Finish();          // what is left, with U+FFFD for an incomplete character

 private:
  const Tokenizer* tokenizer_;
  std::string pending_;
};

}  // namespace hadal::text
