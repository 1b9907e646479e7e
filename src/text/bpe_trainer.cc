#include "text/bpe_trainer.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/json.h"
#include "base/quote.h"
#include "text/added_tokens.h"
#include "text/byte_level.h"
#include "text/pair_merger.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer_json.h"
#include "text/utf8.h"

namespace hadal::text {
namespace {

// Longer pieces (rows of dashes, text without spaces) are counted in parts: no token gets that
// long, and a merge must not rewrite megabytes.
constexpr std::size_t kMaxWordBytes = 256;

using Progress = std::function<void(std::size_t, std::size_t)>;

Status CheckOptions(const BpeTrainOptions& options) {
  std::unordered_set<std::string> seen;
  for (const auto* list : {&options.leading_tokens, &options.added_tokens})
    for (const std::string& token : *list) {
      if (token.empty()) return Fail(Code::kInvalid, "an added token is empty");
      if (ValidUtf8Prefix(token) != token.size())
        return Fail(Code::kInvalid, "the added token {} is not valid UTF-8", Quote(token));
      if (!seen.insert(token).second)
        return Fail(Code::kInvalid, "the added token {} is given twice", Quote(token));
      const auto bytes = FromByteLevel(token);
      if (bytes && bytes->size() == 1)
        return Fail(Code::kInvalid, "the added token {} is a single byte, which is a token anyway",
                    Quote(token));
    }
  const std::size_t least = 256 + seen.size();
  if (options.vocab_size < least || options.vocab_size > kMaxTokenIds)
    return Fail(Code::kInvalid,
                "vocabulary size {}; expected {} (256 bytes, {} added tokens) to {}",
                options.vocab_size, least, seen.size(), kMaxTokenIds);
  return Unit{};
}

AddedTokens AsAddedTokens(const BpeTrainOptions& options) {
  std::vector<AddedToken> tokens;
  for (const auto* list : {&options.leading_tokens, &options.added_tokens})
    for (const std::string& content : *list) tokens.push_back({.id = 0, .content = content});
  return AddedTokens(std::move(tokens));
}

// The distinct pieces of texts, in the order of their first occurrence.
class WordCounter {
 public:
  explicit WordCounter(const std::array<TokenId, 256>& byte_ids) : byte_ids_(byte_ids) {}

  void Count(std::string_view piece) {
    for (; !piece.empty(); piece.remove_prefix(std::min(piece.size(), kMaxWordBytes))) {
      key_.assign(piece.substr(0, kMaxWordBytes));
      const auto [found, made] = index_.try_emplace(key_, words_.size());
      if (made) words_.push_back({Ids(key_), 0});
      ++words_[found->second].count;
    }
  }
  std::vector<PairMerger::Word> Take() { return std::move(words_); }

 private:
  std::vector<TokenId> Ids(const std::string& bytes) const {
    std::vector<TokenId> ids;
    for (const char byte : bytes) ids.push_back(byte_ids_[static_cast<unsigned char>(byte)]);
    return ids;
  }

  std::array<TokenId, 256> byte_ids_;
  std::string key_;
  std::unordered_map<std::string, std::size_t> index_;
  std::vector<PairMerger::Word> words_;
};

void CountText(std::string_view text, const AddedTokens& added, const PreTokenizer& pre_tokenizer,
               WordCounter* counter) {
  std::string repaired;
  if (ValidUtf8Prefix(text) != text.size()) {
    AppendLossy(text, &repaired);
    text = repaired;
  }
  RegexScratch scratch;
  added.Cut(
      text,
      [&](std::string_view stretch) {
        pre_tokenizer.Split(stretch, &scratch,
                            [&](std::string_view piece) { counter->Count(piece); });
      },
      [](TokenId) {});
}

Json SplitJson(const SplitPattern& split) {
  return Json::MakeObject({{"type", "Split"},
                           {"pattern", Json::MakeObject({{"Regex", split.pattern}})},
                           {"behavior", "Isolated"},
                           {"invert", false}});
}

Json ByteLevelJson(bool add_prefix_space, bool trim_offsets, bool use_regex) {
  return Json::MakeObject({{"type", "ByteLevel"},
                           {"add_prefix_space", add_prefix_space},
                           {"trim_offsets", trim_offsets},
                           {"use_regex", use_regex}});
}

Json AddedTokenJson(std::size_t id, const std::string& content, bool special) {
  return Json::MakeObject({{"id", static_cast<std::int64_t>(id)},
                           {"content", content},
                           {"single_word", false},
                           {"lstrip", false},
                           {"rstrip", false},
                           {"normalized", !special},
                           {"special", special}});
}

Json ModelJson(const PairMerger& learnt) {
  Json::Object vocabulary;
  for (std::size_t id = 0; id < learnt.tokens().size(); ++id)
    vocabulary.emplace_back(learnt.tokens()[id], static_cast<std::int64_t>(id));
  Json::Array merges;
  for (const auto& [left, right] : learnt.merges())
    merges.emplace_back(learnt.tokens()[static_cast<std::size_t>(left)] + ' ' +
                        learnt.tokens()[static_cast<std::size_t>(right)]);
  return Json::MakeObject({{"type", "BPE"},
                           {"dropout", nullptr},
                           {"unk_token", nullptr},
                           {"continuing_subword_prefix", nullptr},
                           {"end_of_word_suffix", nullptr},
                           {"fuse_unk", false},
                           {"byte_fallback", false},
                           {"vocab", std::move(vocabulary)},
                           {"merges", std::move(merges)}});
}

Json TokenizerJson(const BpeTrainOptions& options, const PairMerger& learnt) {
  Json::Array added;
  for (const std::string& token : options.leading_tokens)
    added.push_back(AddedTokenJson(added.size(), token, true));
  std::size_t id = learnt.tokens().size();
  for (const std::string& token : options.added_tokens)
    added.push_back(AddedTokenJson(id++, token, false));
  Json::Array steps;
  for (const SplitPattern& split : DeepSeekPatterns()) steps.push_back(SplitJson(split));
  steps.push_back(ByteLevelJson(false, true, false));
  return Json::MakeObject(
      {{"version", "1.0"},
       {"truncation", nullptr},
       {"padding", nullptr},
       {"added_tokens", std::move(added)},
       {"normalizer",
        Json::MakeObject({{"type", "Sequence"}, {"normalizers", Json(Json::Array{})}})},
       {"pre_tokenizer",
        Json::MakeObject({{"type", "Sequence"}, {"pretokenizers", std::move(steps)}})},
       {"post_processor", ByteLevelJson(true, false, true)},
       {"decoder", ByteLevelJson(true, true, true)},
       {"model", ModelJson(learnt)}});
}

}  // namespace

Result<std::string> TrainBpe(const std::vector<std::string_view>& texts,
                             const BpeTrainOptions& options, const Progress& progress) {
  HADAL_TRY_STATUS(CheckOptions(options));
  HADAL_TRY(const PreTokenizer pre_tokenizer, PreTokenizer::Make({.patterns = DeepSeekPatterns()}));
  std::vector<std::string> tokens = options.leading_tokens;
  std::array<TokenId, 256> byte_ids{};
  for (const unsigned char byte : BytesInCharOrder()) {
    byte_ids[byte] = static_cast<TokenId>(tokens.size());
    const char one = static_cast<char>(byte);
    tokens.push_back(ToByteLevel({&one, 1}));
  }

  const AddedTokens added = AsAddedTokens(options);
  WordCounter counter(byte_ids);
  for (const std::string_view text : texts) {
    CountText(text, added, pre_tokenizer, &counter);
    if (progress) progress(0, options.vocab_size);
  }
  PairMerger merger(counter.Take(), std::move(tokens), options.added_tokens);
  const std::size_t learnt = options.vocab_size - options.added_tokens.size();
  const auto min_count = static_cast<std::int64_t>(std::max<std::size_t>(options.min_count, 1));
  while (merger.tokens().size() < learnt && merger.Step(min_count))
    if (progress) progress(merger.tokens().size(), options.vocab_size);
  return TokenizerJson(options, merger).Dump(2) + "\n";
}

}  // namespace hadal::text
