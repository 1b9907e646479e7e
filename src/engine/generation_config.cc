#include "engine/generation_config.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "io/file.h"

namespace hadal::engine {
namespace {

constexpr std::uint64_t kMaxFileBytes = 1 << 20;

// What changes no text here: notes, ids that the tokenizer or config.json give, how results are
// returned.
constexpr std::array<std::string_view, 10> kHarmless = {"_from_model_config",
                                                        "transformers_version",
                                                        "bos_token_id",
                                                        "pad_token_id",
                                                        "use_cache",
                                                        "cache_implementation",
                                                        "return_dict_in_generate",
                                                        "output_attentions",
                                                        "output_hidden_states",
                                                        "output_scores"};

// What the library writes where nothing was chosen: its defaults, which change no text either.
const std::pair<std::string_view, Json> kDefaults[] = {{"max_length", 20},
                                                       {"min_length", 0},
                                                       {"num_beams", 1},
                                                       {"num_beam_groups", 1},
                                                       {"typical_p", 1},
                                                       {"epsilon_cutoff", 0},
                                                       {"eta_cutoff", 0},
                                                       {"diversity_penalty", 0},
                                                       {"length_penalty", 1},
                                                       {"no_repeat_ngram_size", 0},
                                                       {"encoder_no_repeat_ngram_size", 0},
                                                       {"encoder_repetition_penalty", 1},
                                                       {"num_return_sequences", 1},
                                                       {"penalty_alpha", 0},
                                                       {"suppress_tokens", Json::Array{}},
                                                       {"begin_suppress_tokens", Json::Array{}}};

bool IsDefault(std::string_view key, const Json& value) {
  return std::ranges::any_of(kDefaults, [&](const auto& known) {
    if (known.first != key) return false;
    const auto found = value.AsNumber(), want = known.second.AsNumber();
    return want ? found == want : value.Dump() == known.second.Dump();
  });
}

Error Wrong(std::string_view key, const Json& found, const std::string& expected) {
  return Fail(Code::kInvalid, "{}: found {}, expected {}", key, found.Dump(), expected);
}

Status ReadNumber(std::string_view key, const Json& json, double* out) {
  const auto value = json.AsNumber();
  if (!value) return Wrong(key, json, "a number");
  *out = *value;
  return Unit{};
}

Status ReadTopK(const Json& json, std::size_t* out) {
  const std::int64_t* value = json.AsInt();
  if (value == nullptr || *value < -1) return Wrong("top_k", json, "a whole number");
  *out = static_cast<std::size_t>(std::max<std::int64_t>(*value, 0));  // -1: all, as 0
  return Unit{};
}

Status ReadIds(std::string_view key, const Json& json, std::size_t vocab_size,
               std::vector<std::int32_t>* out) {
  const Json::Array one = {json};
  for (const Json& item : json.AsArray() != nullptr ? *json.AsArray() : one) {
    const auto id = item.AsUnsigned();
    if (!id || *id >= vocab_size)
      return Wrong(key, json,
                   fmt::format("an integer of 0 to {}, or a list of such", vocab_size - 1));
    out->push_back(static_cast<std::int32_t>(*id));
  }
  return Unit{};
}

Status ReadKey(const std::string& key, const Json& value, std::size_t vocab_size,
               GenerationConfig* out, bool* greedy) {
  if (key == "temperature") return ReadNumber(key, value, &out->sample.temperature);
  if (key == "top_p") return ReadNumber(key, value, &out->sample.top_p);
  if (key == "min_p") return ReadNumber(key, value, &out->sample.min_p);
  if (key == "repetition_penalty") return ReadNumber(key, value, &out->sample.repetition_penalty);
  if (key == "top_k") return ReadTopK(value, &out->sample.top_k);
  if (key == "eos_token_id") return ReadIds(key, value, vocab_size, &out->eos_ids);
  if (key == "do_sample") {
    if (value.AsBool() == nullptr) return Wrong(key, value, "true or false");
    *greedy = !*value.AsBool();
    return Unit{};
  }
  const bool off = value.AsBool() != nullptr && !*value.AsBool();
  const bool list = value.AsArray() != nullptr || value.AsObject() != nullptr;
  if (!off && std::ranges::count(kHarmless, key) == 0 && !IsDefault(key, value))
    out->passed_over.push_back(list ? key : key + " " + value.Dump());
  return Unit{};
}

}  // namespace

Result<GenerationConfig> ParseGenerationConfig(std::string_view text, std::size_t vocab_size) {
  HADAL_TRY(const Json json, ParseJson(text));
  if (json.AsObject() == nullptr)
    return Fail(Code::kInvalid, "found {}, expected an object", json.KindName());
  GenerationConfig config;
  bool greedy = false;
  for (const auto& [key, value] : *json.AsObject())
    if (!value.is_null()) HADAL_TRY_STATUS(ReadKey(key, value, vocab_size, &config, &greedy));
  if (greedy) config.sample.temperature = 0;
  HADAL_TRY_STATUS(CheckSampleOptions(config.sample));
  return config;
}

Result<GenerationConfig> ReadGenerationConfig(const std::string& directory,
                                              std::size_t vocab_size) {
  const std::string path = directory + "/generation_config.json";
  const auto text = io::ReadFile(path, kMaxFileBytes);
  if (!text.ok()) {
    if (text.error().code == Code::kNotFound) return GenerationConfig{};
    return text.error();
  }
  auto config = ParseGenerationConfig(*text, vocab_size);
  if (!config.ok()) return Within(path, config.error());
  return config;
}

}  // namespace hadal::engine
