#include "engine/generation_note.h"

#include <bit>
#include <charconv>

#include "base/json.h"

namespace hadal::engine {
namespace {

Error Bad(const char* key) {
  return Fail(Code::kCorrupt, "note: {}: not what text generation writes", key);
}

// A seed may be above 2^63, where JSON's integers end here: it is written as text.
Result<std::uint64_t> ReadUnsigned(const Json* json, const char* key) {
  const std::string* text = json == nullptr ? nullptr : json->AsString();
  std::uint64_t value = 0;
  if (text == nullptr) return Bad(key);
  const auto [end, problem] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (problem != std::errc() || end != text->data() + text->size()) return Bad(key);
  return value;
}

Result<double> ReadNumber(const Json* json, const char* key) {
  if (json == nullptr || !json->AsNumber()) return Bad(key);
  return *json->AsNumber();
}

}  // namespace

std::string WriteNote(const GenerationNote& note) {
  Json::Array tokens, logits;
  for (const std::int32_t token : note.tokens) tokens.emplace_back(token);
  for (const float logit : note.logits)
    logits.emplace_back(std::uint64_t{std::bit_cast<std::uint32_t>(logit)});
  return Json::MakeObject(
             {{"tokens", std::move(tokens)},
              {"prompt_tokens", std::uint64_t{note.prompt_tokens}},
              {"sample", Json::MakeObject({{"temperature", note.sample.temperature},
                                           {"top_p", note.sample.top_p},
                                           {"top_k", std::to_string(note.sample.top_k)},
                                           {"min_p", note.sample.min_p},
                                           {"seed", std::to_string(note.sample.seed)}})},
              {"draws", std::to_string(note.draws)},
              {"logits", std::move(logits)}})
      .Dump();
}

Result<GenerationNote> ReadNote(std::string_view text, std::size_t vocab_size) {
  auto json = ParseJson(text);
  if (!json.ok()) return Within("note", json.error());
  GenerationNote note;
  const Json* tokens = json->Find("tokens");
  if (tokens == nullptr || tokens->AsArray() == nullptr) return Bad("tokens");
  for (const Json& token : *tokens->AsArray()) {
    const std::int64_t* id = token.AsInt();
    if (id == nullptr || *id < 0 || static_cast<std::uint64_t>(*id) >= vocab_size)
      return Bad("tokens");
    note.tokens.push_back(static_cast<std::int32_t>(*id));
  }
  const Json* prompt = json->Find("prompt_tokens");
  if (prompt == nullptr || prompt->AsInt() == nullptr || *prompt->AsInt() < 1 ||
      static_cast<std::uint64_t>(*prompt->AsInt()) > note.tokens.size())
    return Bad("prompt_tokens");
  note.prompt_tokens = static_cast<std::size_t>(*prompt->AsInt());
  const Json* sample = json->Find("sample");
  if (sample == nullptr) return Bad("sample");
  HADAL_TRY(note.sample.temperature, ReadNumber(sample->Find("temperature"), "temperature"));
  HADAL_TRY(note.sample.top_p, ReadNumber(sample->Find("top_p"), "top_p"));
  HADAL_TRY(note.sample.min_p, ReadNumber(sample->Find("min_p"), "min_p"));
  HADAL_TRY(const std::uint64_t top_k, ReadUnsigned(sample->Find("top_k"), "top_k"));
  note.sample.top_k = top_k;
  HADAL_TRY(note.sample.seed, ReadUnsigned(sample->Find("seed"), "seed"));
  HADAL_TRY_STATUS(CheckSampleOptions(note.sample));
  HADAL_TRY(note.draws, ReadUnsigned(json->Find("draws"), "draws"));
  const Json* logits = json->Find("logits");
  if (logits == nullptr || logits->AsArray() == nullptr) return Bad("logits");
  for (const Json& bits : *logits->AsArray()) {
    const std::int64_t* value = bits.AsInt();
    if (value == nullptr || *value < 0 || *value > 0xFFFFFFFF) return Bad("logits");
    note.logits.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(*value)));
  }
  if (!note.logits.empty() && note.logits.size() != vocab_size) return Bad("logits");
  return note;
}

}  // namespace hadal::engine
