#include "engine/generation_note.h"

#include <cstring>
#include <span>

#include "base/json.h"

namespace hadal::engine {
namespace {

constexpr std::uint64_t kVersion = 2;  // 1 had no number; it counted draws and kept logits

Error Bad(const char* key) {
  return Fail(Code::kCorrupt, "note: {}: not what text generation writes", key);
}

Result<std::uint64_t> ReadUnsigned(const Json* json, const char* key) {
  const auto value = json == nullptr ? std::nullopt : json->AsUnsigned();
  if (!value) return Bad(key);
  return *value;
}

Result<double> ReadNumber(const Json* json, const char* key) {
  if (json == nullptr || !json->AsNumber()) return Bad(key);
  return *json->AsNumber();
}

Json SampleJson(const SampleOptions& o) {
  Json::Array bias;
  for (const LogitBias& b : o.logit_bias) bias.push_back(Json::Array{b.token, b.bias});
  return Json::MakeObject({{"temperature", o.temperature},
                           {"top_p", o.top_p},
                           {"top_k", std::uint64_t{o.top_k}},
                           {"min_p", o.min_p},
                           {"presence_penalty", o.presence_penalty},
                           {"frequency_penalty", o.frequency_penalty},
                           {"repetition_penalty", o.repetition_penalty},
                           {"logit_bias", std::move(bias)},
                           {"seed", o.seed},
                           {"choice", o.choice}});
}

Result<std::vector<LogitBias>> ReadBias(const Json* json, std::size_t vocab_size) {
  std::vector<LogitBias> list;
  if (json == nullptr || json->AsArray() == nullptr) return Bad("logit_bias");
  for (const Json& item : *json->AsArray()) {
    const Json::Array* pair = item.AsArray();
    if (pair == nullptr || pair->size() != 2) return Bad("logit_bias");
    const auto token = (*pair)[0].AsUnsigned();
    const auto bias = (*pair)[1].AsNumber();
    if (!token || *token >= vocab_size || !bias) return Bad("logit_bias");
    list.push_back({static_cast<std::int32_t>(*token), *bias});
  }
  return list;
}

Result<SampleOptions> ReadSample(const Json& json, std::size_t vocab_size) {
  SampleOptions o;
  HADAL_TRY(o.temperature, ReadNumber(json.Find("temperature"), "temperature"));
  HADAL_TRY(o.top_p, ReadNumber(json.Find("top_p"), "top_p"));
  HADAL_TRY(o.top_k, ReadUnsigned(json.Find("top_k"), "top_k"));
  HADAL_TRY(o.min_p, ReadNumber(json.Find("min_p"), "min_p"));
  HADAL_TRY(o.presence_penalty, ReadNumber(json.Find("presence_penalty"), "presence_penalty"));
  HADAL_TRY(o.frequency_penalty, ReadNumber(json.Find("frequency_penalty"), "frequency_penalty"));
  HADAL_TRY(o.repetition_penalty,
            ReadNumber(json.Find("repetition_penalty"), "repetition_penalty"));
  HADAL_TRY(o.logit_bias, ReadBias(json.Find("logit_bias"), vocab_size));
  HADAL_TRY(o.seed, ReadUnsigned(json.Find("seed"), "seed"));
  HADAL_TRY(o.choice, ReadUnsigned(json.Find("choice"), "choice"));
  HADAL_TRY_STATUS(CheckSampleOptions(o));
  return o;
}

}  // namespace

std::string WriteNote(const GenerationNote& note) {
  Json json = Json::MakeObject({{"version", kVersion},
                                {"tokens", std::uint64_t{note.tokens.size()}},
                                {"prompt_tokens", std::uint64_t{note.prompt_tokens}},
                                {"sample", SampleJson(note.sample)}});
  if (note.constrained) json.Set("constrained", true);
  std::string text = json.Dump() + "\n";
  const auto ids = std::as_bytes(std::span(note.tokens));
  text.reserve(text.size() + ids.size());
  text.append(reinterpret_cast<const char*>(ids.data()), ids.size());
  return text;
}

Result<GenerationNote> ReadNote(std::string_view text, std::size_t vocab_size) {
  const std::size_t line = text.find('\n');
  auto json = ParseJson(text.substr(0, line));
  if (!json.ok()) return Within("note", json.error());
  HADAL_TRY(const std::uint64_t version, ReadUnsigned(json->Find("version"), "version"));
  if (version != kVersion)
    return Fail(Code::kUnsupported, "note: found version {}, expected {}", version, kVersion);
  const std::string_view ids = line == text.npos ? std::string_view() : text.substr(line + 1);
  GenerationNote note;
  HADAL_TRY(const std::uint64_t tokens, ReadUnsigned(json->Find("tokens"), "tokens"));
  if (ids.size() % sizeof(std::int32_t) != 0 || ids.size() / sizeof(std::int32_t) != tokens)
    return Bad("tokens");
  note.tokens.resize(tokens);
  if (!ids.empty()) std::memcpy(note.tokens.data(), ids.data(), ids.size());
  for (const std::int32_t id : note.tokens)
    if (id < 0 || static_cast<std::size_t>(id) >= vocab_size) return Bad("tokens");
  HADAL_TRY(note.prompt_tokens, ReadUnsigned(json->Find("prompt_tokens"), "prompt_tokens"));
  if (note.prompt_tokens < 1 || note.prompt_tokens > tokens) return Bad("prompt_tokens");
  const Json* sample = json->Find("sample");
  if (sample == nullptr) return Bad("sample");
  HADAL_TRY(note.sample, ReadSample(*sample, vocab_size));
  if (const Json* constrained = json->Find("constrained"); constrained != nullptr) {
    if (constrained->AsBool() == nullptr) return Bad("constrained");
    note.constrained = *constrained->AsBool();
  }
  return note;
}

}  // namespace hadal::engine
