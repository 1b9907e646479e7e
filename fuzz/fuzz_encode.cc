// Bytes as a text, for a tokenizer with the published splits: encoding and decoding gives the text
// again, at once and token by token.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/json.h"
#include "text/byte_level.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace {

using hadal::Json;
using hadal::text::Tokenizer;

// The 256 bytes, a few merges and two added tokens.
Tokenizer MakeTokenizer() {
  Json::Object vocabulary;
  for (int b = 0; b < 256; ++b) {
    const char byte = static_cast<char>(b);
    vocabulary.emplace_back(hadal::text::ToByteLevel({&byte, 1}), b);
  }
  Json::Array merges;
  constexpr std::pair<const char*, const char*> kMerges[] = {
      {"t", "h"},   {"th", "e"},      {" ", "the"}, {"a", "a"},
      {"aa", "aa"}, {"\xC3", "\xA9"}, {"\n", "\n"}};
  for (const auto& [left, right] : kMerges) {
    const std::string a = hadal::text::ToByteLevel(left), b = hadal::text::ToByteLevel(right);
    vocabulary.emplace_back(a + b, static_cast<int>(vocabulary.size()));
    merges.emplace_back(Json::Array{a, b});
  }
  Json::Array added;
  for (const char* content : {"<think>", "</think>"})
    added.push_back(Json::MakeObject({{"id", static_cast<int>(vocabulary.size() + added.size())},
                                      {"content", content},
                                      {"normalized", false}}));
  Json::Array steps;
  for (const auto& split : hadal::text::DeepSeekPatterns())
    steps.push_back(Json::MakeObject({{"type", "Split"},
                                      {"pattern", Json::MakeObject({{"Regex", split.pattern}})},
                                      {"behavior", "Isolated"}}));
  steps.push_back(Json::MakeObject({{"type", "ByteLevel"}, {"use_regex", false}}));
  const Json file = Json::MakeObject(
      {{"version", "1.0"},
       {"added_tokens", std::move(added)},
       {"pre_tokenizer",
        Json::MakeObject({{"type", "Sequence"}, {"pretokenizers", std::move(steps)}})},
       {"decoder", Json::MakeObject({{"type", "ByteLevel"}})},
       {"model",
        Json::MakeObject(
            {{"type", "BPE"}, {"vocab", std::move(vocabulary)}, {"merges", std::move(merges)}})}});
  auto tokenizer = Tokenizer::Parse(file.Dump());
  HADAL_CHECK(tokenizer.ok());
  return std::move(*tokenizer);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Tokenizer tokenizer = MakeTokenizer();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string readable;
  hadal::text::AppendLossy(text, &readable);
  const auto ids = tokenizer.Encode(text);
  HADAL_CHECK(tokenizer.Decode(ids) == readable);
  std::string streamed;
  hadal::text::StreamDecoder decoder(tokenizer);
  for (const hadal::text::TokenId id : ids) streamed += decoder.Push(id);
  streamed += decoder.Finish();
  HADAL_CHECK(streamed == readable);
  return 0;
}
