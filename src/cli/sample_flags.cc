#include "cli/sample_flags.h"

#include <charconv>
#include <random>
#include <string_view>
#include <utility>

#include "base/quote.h"
#include "cli/flags.h"

namespace hadal::cli {
namespace {

// A number that CheckSampleOptions takes for this field.
Validator Sampling(double engine::SampleOptions::*field) {
  return Number([field](double value) {
    engine::SampleOptions sample;
    sample.*field = value;
    return engine::CheckSampleOptions(sample);
  });
}

template <class T>
bool ReadWhole(std::string_view text, T* value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *value);
  return error == std::errc{} && stop == end;
}

Result<engine::LogitBias> ParseLogitBias(const std::string& text) {
  engine::LogitBias bias;
  const std::size_t equals = text.find('=');
  const std::string_view whole = text;
  if (equals == text.npos || !ReadWhole(whole.substr(0, equals), &bias.token) || bias.token < 0 ||
      !ReadWhole(whole.substr(equals + 1), &bias.bias))
    return Fail(Code::kInvalid, "found {}, expected a token's id and its bias, as in 42=-100",
                Quote(text));
  HADAL_TRY_STATUS(engine::CheckSampleOptions({.logit_bias = {bias}}));
  return bias;
}

Validator LogitBiasText() {
  const auto check = [](const std::string& text) -> std::string {
    const auto bias = ParseLogitBias(text);
    return bias.ok() ? std::string() : bias.error().what;
  };
  return {check};
}

}  // namespace

std::vector<Option> AddSampleFlags(Command command, SampleFlags* flags) {
  using Sample = engine::SampleOptions;
  std::vector<Option> options;
  const auto number = [&](const char* name, std::optional<double>* value, double Sample::*field,
                          const char* about) {
    options.push_back(command.AddOption(name, *value, about).Check(Sampling(field)));
  };
  number("--temperature", &flags->temperature, &Sample::temperature,
         "0: always the likeliest token (default of this and the next ones: the model's "
         "generation_config.json, or 1)");
  number("--top-p", &flags->top_p, &Sample::top_p,
         "draw from the likeliest tokens that sum to this probability");
  options.push_back(
      command.AddOption("--top-k", flags->top_k, "draw from the k likeliest tokens; 0: all")
          .Check(WholeNumber()));
  number("--min-p", &flags->min_p, &Sample::min_p,
         "drop tokens less likely than this share of the likeliest");
  number("--repetition-penalty", &flags->repetition_penalty, &Sample::repetition_penalty,
         "divide the logits of tokens that are in the prompt or the text (above 1: fewer repeats)");
  number("--presence-penalty", &flags->presence_penalty, &Sample::presence_penalty,
         "subtract this from the logits of tokens that are in the text");
  number("--frequency-penalty", &flags->frequency_penalty, &Sample::frequency_penalty,
         "the same for each time that they are");
  options.push_back(command
                        .AddOption("--logit-bias", flags->logit_bias,
                                   "ID=BIAS: add this, -100 to 100, to the logit of a token; may "
                                   "be given several times")
                        .OneValueEach()
                        .Check(LogitBiasText()));
  options.push_back(command
                        .AddOption("--seed", flags->seed,
                                   "same seed, same text (default: a random one, see --stats)")
                        .Check(WholeNumber()));
  return options;
}

engine::SampleOptions SampleWith(const SampleFlags& flags, engine::SampleOptions model) {
  const auto set = [](auto* value, const auto& given) {
    if (given) *value = *given;
  };
  set(&model.temperature, flags.temperature);
  set(&model.top_p, flags.top_p);
  set(&model.min_p, flags.min_p);
  set(&model.top_k, flags.top_k);
  set(&model.presence_penalty, flags.presence_penalty);
  set(&model.frequency_penalty, flags.frequency_penalty);
  set(&model.repetition_penalty, flags.repetition_penalty);
  for (const std::string& text : flags.logit_bias)
    model.logit_bias.push_back(ParseLogitBias(text).value());
  model.seed = flags.seed.value_or(std::random_device()());
  return model;
}

Json GivenDraws(const SampleFlags& flags) {
  Json draws = Json::MakeObject({});
  const std::pair<const char*, std::optional<double>> numbers[] = {
      {"temperature", flags.temperature},
      {"top_p", flags.top_p},
      {"min_p", flags.min_p},
      {"presence_penalty", flags.presence_penalty},
      {"frequency_penalty", flags.frequency_penalty},
      {"repetition_penalty", flags.repetition_penalty}};
  for (const auto& [name, value] : numbers)
    if (value) draws.Set(name, *value);
  if (flags.top_k) draws.Set("top_k", std::uint64_t{*flags.top_k});
  Json biases = Json::MakeObject({});
  for (const std::string& text : flags.logit_bias) {
    const engine::LogitBias bias = ParseLogitBias(text).value();
    biases.Set(fmt::format("{}", bias.token), bias.bias);
  }
  if (!flags.logit_bias.empty()) draws.Set("logit_bias", std::move(biases));
  return draws;
}

}  // namespace hadal::cli
