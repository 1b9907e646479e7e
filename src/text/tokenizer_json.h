// Reads a tokenizer.json into the parts of a tokenizer, checking every name, id and size.
//
// What is understood: a byte-level BPE (normalizer absent or empty; pre_tokenizer a ByteLevel, or a
// Sequence of isolated Splits that ends in one; decoder ByteLevel). Anything else that would change
// the ids is refused with kUnsupported and its name; the post_processor is not used (it adds BOS
// and the like, which hadal writes as text).
// Source: the Hugging Face tokenizer.json format, version 1.0.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/pre_tokenizer.h"

namespace hadal::text {

inline constexpr std::size_t kMaxTokenIds = std::size_t{1} << 22;

// The bytes of every token by id; empty where the file names none.
class TokenBytesTable {
 public:
  void Set(TokenId id, std::string_view bytes);       // once per id
  std::string_view operator[](TokenId id) const;      // empty for an unknown id
  std::size_t size() const { return spans_.size(); }  // highest id + 1

 private:
  struct Span {
    std::size_t begin = 0, size = 0;
  };
  std::string pool_;
  std::vector<Span> spans_;
};

struct TokenizerParts {
  TokenBytesTable bytes;
  AddedTokens added;
  PreTokenizer pre_tokenizer;
  Bpe bpe;
};

// kCorrupt: not JSON, or it contradicts itself; kUnsupported. Messages do not name the file.
Result<TokenizerParts> ParseTokenizerJson(std::string_view text);

Result<PreTokenizer> ParsePreTokenizer(const Json& pre_tokenizer);

// Fields of an object in the file. A missing or null field gives `otherwise`; `where` goes into the
// message if the field is of another kind.
Result<bool> BoolField(const Json& object, std::string_view key, bool otherwise,
                       std::string_view where);
Result<std::string> StringField(const Json& object, std::string_view key, std::string_view where);

}  // namespace hadal::text
