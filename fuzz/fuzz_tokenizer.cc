// A tokenizer.json, a zero byte, and a text for it to encode.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = input.find('\0');
  const auto tokenizer = hadal::text::Tokenizer::Parse(input.substr(0, cut));
  if (!tokenizer.ok()) {
    HADAL_CHECK(tokenizer.error().what.find('\n') == std::string::npos);
    return 0;
  }
  const std::string_view text = cut == std::string_view::npos ? input : input.substr(cut + 1);
  (void)tokenizer->Encode(text);
  const auto ids = tokenizer->Encode(text, hadal::text::ControlTokens::kRead);
  for (const hadal::text::TokenId id : ids)
    HADAL_CHECK(id >= 0 && static_cast<std::size_t>(id) < tokenizer->vocab_size());
  (void)tokenizer->Decode(ids);
  hadal::text::StreamDecoder decoder(*tokenizer);
  for (const hadal::text::TokenId id : ids) (void)decoder.Push(id);
  (void)decoder.Finish();
  return 0;
}
