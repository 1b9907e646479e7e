#include "engine/generation_note.h"

#include <charconv>
#include <cstring>
#include <span>

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

// Numbers of four bytes, as they lie in memory.
template <class T>
void AppendBytes(std::span<const T> values, std::string* text) {
  text->append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

// As many as `count` says, from the front of `rest`; false if it has not so many.
template <class T>
bool TakeBytes(const Json* count, std::string_view* rest, std::vector<T>* values) {
  const std::int64_t* found = count == nullptr ? nullptr : count->AsInt();
  if (found == nullptr || *found < 0 ||
      static_cast<std::uint64_t>(*found) > rest->size() / sizeof(T))
    return false;
  values->resize(static_cast<std::size_t>(*found));
  if (!values->empty()) std::memcpy(values->data(), rest->data(), values->size() * sizeof(T));
  rest->remove_prefix(values->size() * sizeof(T));
  return true;
}

}  // namespace

std::string WriteNote(const GenerationNote& note) {
  std::string text =
      Json::MakeObject({{"tokens", std::uint64_t{note.tokens.size()}},
                        {"prompt_tokens", std::uint64_t{note.prompt_tokens}},
                        {"sample", Json::MakeObject({{"temperature", note.sample.temperature},
                                                     {"top_p", note.sample.top_p},
                                                     {"top_k", std::to_string(note.sample.top_k)},
                                                     {"min_p", note.sample.min_p},
                                                     {"seed", std::to_string(note.sample.seed)}})},
                        {"draws", std::to_string(note.draws)},
                        {"logits", std::uint64_t{note.logits.size()}}})
          .Dump() +
      "\n";
  text.reserve(text.size() + 4 * (note.tokens.size() + note.logits.size()));
  AppendBytes(std::span(note.tokens), &text);
  AppendBytes(std::span(note.logits), &text);
  return text;
}

Result<GenerationNote> ReadNote(std::string_view text, std::size_t vocab_size) {
  const std::size_t line = text.find('\n');
  auto json = ParseJson(text.substr(0, line));
  if (!json.ok()) return Within("note", json.error());
  std::string_view rest = line == text.npos ? std::string_view() : text.substr(line + 1);
  GenerationNote note;
  if (!TakeBytes(json->Find("tokens"), &rest, &note.tokens)) return Bad("tokens");
  for (const std::int32_t id : note.tokens)
    if (id < 0 || static_cast<std::size_t>(id) >= vocab_size) return Bad("tokens");
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
  if (!TakeBytes(json->Find("logits"), &rest, &note.logits) || !rest.empty()) return Bad("logits");
  if (!note.logits.empty() && note.logits.size() != vocab_size) return Bad("logits");
  return note;
}

}  // namespace hadal::engine
