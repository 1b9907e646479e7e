#include "server/sampling.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <random>

#include "base/quote.h"

namespace hadal::server {
namespace {

constexpr double kSmallestTopP = 1e-6;
constexpr double kMostExact = 9007199254740992;  // 2^53

void ReadSeed(Fields* body, std::uint64_t* seed) {
  const Json* field = body->Find("seed");
  if (field == nullptr) {
    *seed = RandomSeed();
  } else if (const auto number = field->AsUnsigned()) {
    *seed = *number;
  } else if (field->AsInt() != nullptr) {
    *seed = static_cast<std::uint64_t>(*field->AsInt());  // negative ones are seeds too
  } else if (const auto real = field->AsNumber();         // 1.0 is what some languages write for 1
             real && std::abs(*real) <= kMostExact && std::trunc(*real) == *real) {
    *seed = static_cast<std::uint64_t>(static_cast<std::int64_t>(*real));
  } else {
    body->Fail("seed", fmt::format("found {}, expected a whole number", field->KindName()));
  }
}

// {"50256": -100}: names are token ids.
void ReadBias(Fields* body, std::size_t vocab_size, std::vector<engine::LogitBias>* biases) {
  const Json* field = body->Find("logit_bias");
  if (field == nullptr) return;
  if (field->AsObject() == nullptr)
    return body->Fail("logit_bias",
                      fmt::format("found {}, expected an object of token ids", field->KindName()));
  for (const auto& [key, value] : *field->AsObject()) {
    std::size_t id = 0;
    const auto read = std::from_chars(key.data(), key.data() + key.size(), id);
    if (read.ec != std::errc() || read.ptr != key.data() + key.size() || id >= vocab_size)
      return body->Fail("logit_bias", fmt::format("found {}, expected a token id below {}",
                                                  Quote(key), vocab_size));
    const auto bias = value.AsNumber();
    if (!bias || *bias < -100 || *bias > 100)
      return body->Fail(
          "logit_bias",
          fmt::format("{}: found {}, expected a number from -100 to 100", key, value.Dump()));
    biases->push_back({static_cast<std::int32_t>(id), *bias});
  }
}

// Clients look for the code, and some for the sentences, which are those of the APIs' own services.
ApiError TooLong(const char* prompt, const std::string& found, std::size_t tokens,
                 std::size_t context) {
  return ApiError{
      .status = 400,
      .message = fmt::format("This model's maximum context length is {} tokens. However, {}.",
                             context, found),
      .param = prompt,
      .code = "context_length_exceeded",
      .anthropic = fmt::format("prompt is too long: {} tokens > {} maximum", tokens, context - 1)};
}

}  // namespace

std::uint64_t RandomSeed() {
  static thread_local std::random_device random;
  // Below 2^53: the number survives a client that keeps JSON's numbers as doubles.
  return ((std::uint64_t{random()} << 32) | random()) & ((std::uint64_t{1} << 53) - 1);
}

Sampling ReadSampling(Fields* body, const ServedModel& model) {
  const std::size_t vocab = model.files().model.config.vocab_size;
  Sampling out{.sample = model.files().generation.sample, .stop = {}};
  engine::SampleOptions& sample = out.sample;
  body->Number("temperature", {0, 2}, &sample.temperature);
  body->Number("top_p", {0, 1}, &sample.top_p);
  sample.top_p = std::max(sample.top_p, kSmallestTopP);
  double top_k = -1;
  body->Number("top_k", {-1, 1e9}, &top_k);  // -1, as 0: all
  if (body->Find("top_k") != nullptr)
    sample.top_k = top_k < 0 ? 0 : static_cast<std::size_t>(top_k);
  body->Number("min_p", {0, 1}, &sample.min_p);
  body->Number("presence_penalty", {-2, 2}, &sample.presence_penalty);
  body->Number("frequency_penalty", {-2, 2}, &sample.frequency_penalty);
  body->Number("repetition_penalty", {0.01, 10}, &sample.repetition_penalty);
  ReadSeed(body, &sample.seed);
  ReadBias(body, vocab, &sample.logit_bias);
  body->Count("n", {1, kMostChoices}, &out.choices);

  engine::StopOptions& stop = out.stop;
  body->Texts("stop", kMostStops, &stop.texts);
  body->Ids("stop_token_ids", &stop.token_ids);
  for (const std::int32_t id : stop.token_ids)
    if (static_cast<std::size_t>(id) >= vocab)
      body->Fail("stop_token_ids", fmt::format("found {}, expected ids below {}", id, vocab));
  body->Count("min_tokens", {0, model.context()}, &stop.min_tokens);
  body->Flag("ignore_eos", &stop.ignore_eos);
  body->Flag("return_token_ids", &out.return_token_ids);
  if (const Json* asked = body->Find("prompt_logprobs");
      asked != nullptr && !(asked->AsBool() != nullptr && !*asked->AsBool()))
    body->Fail("prompt_logprobs", "not supported");
  body->Pass({"user", "metadata", "store", "cache_prompt", "id_slot", "priority", "service_tier",
              "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "verbosity",
              "modalities", "prediction"});
  return out;
}

ApiResult<std::size_t> RoomFor(const ServedModel& model, const RoomQuery& query) {
  const std::size_t context = model.context(), prompt = query.prompt_tokens;
  const std::size_t room = prompt < context ? context - prompt : 0;
  const bool clamp = query.clamp || !query.wanted;
  const std::size_t most = query.most.value_or(room);
  if (room == 0 || (!clamp && *query.wanted > room))
    return TooLong(query.prompt,
                   clamp ? fmt::format("your {} resulted in {} tokens", query.prompt, prompt)
                         : fmt::format("you requested {} tokens ({} in the {}, {} in the "
                                       "completion)",
                                       prompt + *query.wanted, prompt, query.prompt, *query.wanted),
                   prompt, context);
  const std::size_t wanted = query.wanted.value_or(room);
  if (!clamp && wanted > most)
    return BadField(query.length, "found {}, answers of this server have {} tokens at most", wanted,
                    most);
  return std::min({wanted, room, most});
}

ApiStatus CheckLeastTokens(const ServedModel& model, std::size_t tokens, const char* prompt) {
  if (tokens < model.context()) return Unit{};
  return TooLong(prompt, fmt::format("your {} resulted in {} tokens at the least", prompt, tokens),
                 tokens, model.context());
}

}  // namespace hadal::server
