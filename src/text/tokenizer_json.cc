#include "text/tokenizer_json.h"

#include <bit>
#include <functional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/quote.h"
#include "text/byte_level.h"
#include "text/utf8.h"

namespace hadal::text {
namespace {

// Tokens as written in the file -> id: a flat hash table, since merges look up 400,000 names while
// a command is waiting to start.
class Vocabulary {
 public:
  struct Entry {
    std::string_view token;
    TokenId id;
  };

  explicit Vocabulary(std::size_t tokens) : slots_(std::bit_ceil(2 * tokens + 2)) {
    entries_.reserve(tokens);
  }
  // Every token once, and no more than were announced.
  void Add(std::string_view token, TokenId id) {
    const std::size_t hash = Hash(token);
    std::size_t at = hash & (slots_.size() - 1);
    while (slots_[at].entry != kFree) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {static_cast<std::uint32_t>(hash >> 32),
                  static_cast<std::uint32_t>(entries_.size())};
    entries_.push_back({token, id});
  }
  TokenId Find(std::string_view token) const {  // kNoToken if it is not there
    const std::size_t hash = Hash(token);
    for (std::size_t at = hash & (slots_.size() - 1); slots_[at].entry != kFree;
         at = (at + 1) & (slots_.size() - 1)) {
      if (slots_[at].tag != static_cast<std::uint32_t>(hash >> 32)) continue;
      const Entry& entry = entries_[slots_[at].entry];
      if (entry.token == token) return entry.id;
    }
    return kNoToken;
  }
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  static constexpr std::uint32_t kFree = ~std::uint32_t{0};
  struct Slot {
    std::uint32_t tag = 0, entry = kFree;
  };
  static std::size_t Hash(std::string_view token) { return std::hash<std::string_view>()(token); }

  std::vector<Slot> slots_;  // a power of two, at most half full
  std::vector<Entry> entries_;
};

// An absent field and null mean the same in this format.
const Json& FieldOrNull(const Json& object, std::string_view key) {
  static const Json null;
  const Json* found = object.Find(key);
  return found == nullptr ? null : *found;
}

std::string Shown(const Json& value) {  // in an error: short, and on one line
  if (value.AsString() != nullptr) return Quote(*value.AsString());
  return value.AsArray() != nullptr || value.AsObject() != nullptr ? value.KindName()
                                                                   : value.Dump();
}

Status RefuseUnlessNull(const Json& object, std::string_view key, std::string_view where) {
  const Json& field = FieldOrNull(object, key);
  if (field.is_null() || (field.AsString() != nullptr && field.AsString()->empty())) return Unit{};
  return Fail(Code::kUnsupported, "{}{} is {}; only null is known", where, key, Shown(field));
}

Status CheckFrame(const Json& root) {
  const Json& version = FieldOrNull(root, "version");
  if (!version.is_null() && (version.AsString() == nullptr || *version.AsString() != "1.0"))
    return Fail(Code::kUnsupported, "version is {}; only \"1.0\" is known", Shown(version));
  // "truncation" and "padding" are how a training tool last cut its batches: no matter of the
  // text's tokens.

  const Json& normalizer = FieldOrNull(root, "normalizer");
  if (!normalizer.is_null()) {
    HADAL_TRY(const std::string type, StringField(normalizer, "type", "normalizer"));
    const Json* list = normalizer.Find("normalizers");
    const bool empty = list != nullptr && list->AsArray() != nullptr && list->AsArray()->empty();
    if (type != "Sequence" || !empty)
      return Fail(Code::kUnsupported,
                  "normalizer is of type {}{}; only none and an empty Sequence are known",
                  Quote(type), type == "Sequence" ? " and not empty" : "");
  }
  HADAL_TRY(const std::string decoder,
            StringField(FieldOrNull(root, "decoder"), "type", "decoder"));
  if (decoder != "ByteLevel")
    return Fail(Code::kUnsupported, "decoder is of type {}; only ByteLevel is known",
                Quote(decoder));
  return Unit{};
}

Status CheckModel(const Json& model) {
  HADAL_TRY(const std::string type, StringField(model, "type", "model"));
  if (type != "BPE")
    return Fail(Code::kUnsupported, "model is of type {}; only BPE is known", Quote(type));
  for (const char* key : {"unk_token", "continuing_subword_prefix", "end_of_word_suffix"})
    HADAL_TRY_STATUS(RefuseUnlessNull(model, key, "model."));
  const Json& dropout = FieldOrNull(model, "dropout");
  if (!dropout.is_null() && dropout.AsNumber() != 0.0)
    return Fail(Code::kUnsupported, "model.dropout is {}; only null is known", Shown(dropout));
  HADAL_TRY(const bool byte_fallback, BoolField(model, "byte_fallback", false, "model"));
  if (byte_fallback)
    return Fail(Code::kUnsupported, "model.byte_fallback is true; only false is known");
  return Unit{};
}

Result<TokenId> CheckedId(const Json& value, std::string_view name) {
  const std::int64_t* id = value.AsInt();
  if (id == nullptr)
    return Fail(Code::kCorrupt, "the id of {} is {}, not an integer", Quote(name),
                value.KindName());
  if (*id < 0 || *id >= static_cast<std::int64_t>(kMaxTokenIds))
    return Fail(Code::kCorrupt, "the id of {} is {}; ids are 0..{}", Quote(name), *id,
                kMaxTokenIds - 1);
  return static_cast<TokenId>(*id);
}

Result<Vocabulary> ReadVocabulary(const Json& model, TokenBytesTable* bytes) {
  const Json::Object* entries = FieldOrNull(model, "vocab").AsObject();
  if (entries == nullptr || entries->empty())
    return Fail(Code::kCorrupt, "model.vocab is not an object of tokens and ids");
  if (entries->size() > kMaxTokenIds)
    return Fail(Code::kCorrupt, "model.vocab has {} tokens; at most {} are expected",
                entries->size(), kMaxTokenIds);
  Vocabulary vocabulary(entries->size());
  for (const auto& [token, value] : *entries) {
    HADAL_TRY(const TokenId id, CheckedId(value, token));
    if (token.empty()) return Fail(Code::kCorrupt, "model.vocab has an empty token, id {}", id);
    if (!(*bytes)[id].empty())
      return Fail(Code::kCorrupt, "model.vocab gives the id {} twice, the second time to {}", id,
                  Quote(token));
    vocabulary.Add(token, id);
    const auto raw = FromByteLevel(token);
    bytes->Set(id, raw ? *raw : token);  // special tokens are written as themselves
  }
  return vocabulary;
}

Result<std::array<TokenId, 256>> ReadByteIds(const Vocabulary& vocabulary) {
  std::array<TokenId, 256> ids{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::string name;
    AppendUtf8(ByteChar(static_cast<unsigned char>(byte)), &name);
    ids[byte] = vocabulary.Find(name);
    const bool in_utf8 = byte != 0xC0 && byte != 0xC1 && byte < 0xF5;
    if (ids[byte] == kNoToken && in_utf8)
      return Fail(Code::kCorrupt, "model.vocab lacks '{}', which stands for the byte 0x{:02X}",
                  name, byte);
  }
  return ids;
}

// "left right" or ["left", "right"].
bool MergeSides(const Json& merge, std::string_view* left, std::string_view* right) {
  if (const std::string* text = merge.AsString()) {
    const std::size_t space = text->find(' ');
    if (space == std::string::npos || text->find(' ', space + 1) != std::string::npos) return false;
    *left = std::string_view(*text).substr(0, space);
    *right = std::string_view(*text).substr(space + 1);
    return true;
  }
  const Json::Array* pair = merge.AsArray();
  if (pair == nullptr || pair->size() != 2) return false;
  const std::string *first = (*pair)[0].AsString(), *second = (*pair)[1].AsString();
  if (first == nullptr || second == nullptr) return false;
  *left = *first;
  *right = *second;
  return true;
}

Result<MergeTable> ReadMerges(const Json& model, const Vocabulary& vocabulary) {
  const Json::Array* merges = FieldOrNull(model, "merges").AsArray();
  if (merges == nullptr) return Fail(Code::kCorrupt, "model.merges is not a list");
  if (merges->size() > kMaxTokenIds)
    return Fail(Code::kCorrupt, "model.merges has {} entries; at most {} are expected",
                merges->size(), kMaxTokenIds);
  MergeTable table(merges->size());
  std::string joined;
  for (std::size_t i = 0; i < merges->size(); ++i) {
    std::string_view left, right;
    if (!MergeSides((*merges)[i], &left, &right))
      return Fail(Code::kCorrupt, "model.merges[{}] is {}, not \"left right\" or [left, right]", i,
                  Shown((*merges)[i]));
    joined.assign(left).append(right);
    TokenId ids[3];
    const std::string_view names[3] = {left, right, joined};
    for (int k = 0; k < 3; ++k) {
      ids[k] = vocabulary.Find(names[k]);
      if (ids[k] == kNoToken)
        return Fail(Code::kCorrupt,
                    "model.merges[{}] needs the token {}, which is not in the vocabulary", i,
                    Quote(names[k]));
    }
    if (!table.Add(ids[0], ids[1], ids[2]))
      return Fail(Code::kCorrupt, "model.merges[{}] repeats the pair {} {}", i, Quote(left),
                  Quote(right));
  }
  return table;
}

Result<AddedToken> ReadAddedToken(const Json& entry, const std::string& where) {
  AddedToken token;
  HADAL_TRY(token.content, StringField(entry, "content", where));
  if (token.content.empty()) return Fail(Code::kCorrupt, "{}.content is empty", where);
  HADAL_TRY(token.id, CheckedId(FieldOrNull(entry, "id"), token.content));
  HADAL_TRY(token.lstrip, BoolField(entry, "lstrip", false, where));
  HADAL_TRY(token.rstrip, BoolField(entry, "rstrip", false, where));
  HADAL_TRY(token.normalized, BoolField(entry, "normalized", true, where));
  HADAL_TRY(const bool single_word, BoolField(entry, "single_word", false, where));
  if (single_word)
    return Fail(Code::kUnsupported, "{} ({}) has single_word; only false is known", where,
                Quote(token.content));
  return token;
}

Result<AddedTokens> ReadAddedTokens(const Json& root, const Vocabulary& vocabulary,
                                    TokenBytesTable* bytes) {
  std::vector<AddedToken> tokens;
  const Json& list = FieldOrNull(root, "added_tokens");
  if (list.is_null()) return AddedTokens({});
  if (list.AsArray() == nullptr) return Fail(Code::kCorrupt, "added_tokens is not a list");
  std::unordered_set<std::string> seen;
  for (std::size_t i = 0; i < list.AsArray()->size(); ++i) {
    const std::string where = fmt::format("added_tokens[{}]", i);
    HADAL_TRY(AddedToken token, ReadAddedToken((*list.AsArray())[i], where));
    if (!seen.insert(token.content).second)
      return Fail(Code::kCorrupt, "{} repeats {}", where, Quote(token.content));
    const TokenId known = vocabulary.Find(token.content);
    if (known != kNoToken && known != token.id)
      return Fail(Code::kCorrupt, "{} gives {} the id {}; in model.vocab it is {}", where,
                  Quote(token.content), token.id, known);
    if (known == kNoToken) {
      if (!(*bytes)[token.id].empty())
        return Fail(Code::kCorrupt, "{} gives {} the id {}, which another token has", where,
                    Quote(token.content), token.id);
      bytes->Set(token.id, token.content);
    }
    tokens.push_back(std::move(token));
  }
  return AddedTokens(std::move(tokens));
}

// But not the added tokens: those are found in front of the splits, or not at all.
std::unordered_map<std::string, TokenId> WholePieces(const Vocabulary& vocabulary,
                                                     const AddedTokens& added) {
  std::unordered_map<std::string, TokenId> whole;
  for (const auto& [token, id] : vocabulary.entries())
    if (auto bytes = FromByteLevel(token)) whole.emplace(std::move(*bytes), id);
  for (const AddedToken& token : added.tokens()) whole.erase(token.content);
  return whole;
}

}  // namespace

void TokenBytesTable::Set(TokenId id, std::string_view bytes) {
  const auto index = static_cast<std::size_t>(id);
  if (index >= spans_.size()) spans_.resize(index + 1);
  spans_[index] = {pool_.size(), bytes.size()};
  pool_.append(bytes);
}

std::string_view TokenBytesTable::operator[](TokenId id) const {
  const auto index = static_cast<std::size_t>(id);
  if (id < 0 || index >= spans_.size()) return {};
  return std::string_view(pool_).substr(spans_[index].begin, spans_[index].size);
}

Result<bool> BoolField(const Json& object, std::string_view key, bool otherwise,
                       std::string_view where) {
  const Json& field = FieldOrNull(object, key);
  if (field.is_null()) return otherwise;
  if (const bool* value = field.AsBool()) return *value;
  return Fail(Code::kCorrupt, "{}.{} is {}; expected true or false", where, key, field.KindName());
}

Result<std::string> StringField(const Json& object, std::string_view key, std::string_view where) {
  if (object.AsObject() == nullptr)
    return Fail(Code::kCorrupt, "{} is {}; expected an object", where, object.KindName());
  const Json& field = FieldOrNull(object, key);
  if (const std::string* value = field.AsString()) return *value;
  return Fail(Code::kCorrupt, "{}.{} is {}; expected a string", where, key, field.KindName());
}

Result<TokenizerParts> ParseTokenizerJson(std::string_view text) {
  HADAL_TRY(const Json root, ParseJson(text));
  if (root.AsObject() == nullptr)
    return Fail(Code::kCorrupt, "the file is {}; expected an object", root.KindName());
  HADAL_TRY_STATUS(CheckFrame(root));
  const Json& model = FieldOrNull(root, "model");
  HADAL_TRY_STATUS(CheckModel(model));
  HADAL_TRY(PreTokenizer pre_tokenizer, ParsePreTokenizer(FieldOrNull(root, "pre_tokenizer")));

  TokenBytesTable bytes;
  HADAL_TRY(const Vocabulary vocabulary, ReadVocabulary(model, &bytes));
  HADAL_TRY(const auto byte_ids, ReadByteIds(vocabulary));
  HADAL_TRY(MergeTable merges, ReadMerges(model, vocabulary));
  HADAL_TRY(AddedTokens added, ReadAddedTokens(root, vocabulary, &bytes));
  HADAL_TRY(const bool ignore_merges, BoolField(model, "ignore_merges", false, "model"));
  Bpe bpe(std::move(merges), byte_ids);
  if (ignore_merges) bpe.SetWholePieces(WholePieces(vocabulary, added));
  return TokenizerParts{std::move(bytes), std::move(added), std::move(pre_tokenizer),
                        std::move(bpe)};
}

}  // namespace hadal::text
