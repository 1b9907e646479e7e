// What a constraint costs for each token: the masks of the published vocabulary of 129,280 tokens,
// one core, along a text that was not met before (New) and along the same text again (Met).
//
//   HADAL_TOKENIZER=DIR  the tokenizer (default: shared/tokenizer beside the source tree, else the
//                        embedded model's)
//
// "us_per_token" is the mean over the text, of processor time; "worst_us" the slowest of its
// tokens, in the last run.
#include <benchmark/benchmark.h>

#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/json.h"
#include "engine/constraint.h"
#include "grammar/json_schema.h"

namespace hadal {
namespace {

struct Case {
  const char *name, *schema, *text;
};
constexpr Case kCases[] = {
    {"object", R"({"type": "object"})",
     R"({"name": "Ada Lovelace was a mathematician who wrote",
         "born": {"year": 1815, "at": "London"},
         "tags": ["first programmer", "countess of Lovelace", "x"], "known": true})"},
    {"person", R"({"type": "object", "properties": {"name": {"type": "string", "maxLength": 200},
        "age": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}}},
        "required": ["name", "age", "tags"], "additionalProperties": false})",
     R"({"name": "Ada Lovelace was a mathematician who wrote of engines and of what they weave",
         "age": 36, "tags": ["first programmer", "countess of Lovelace", "x"]})"},
    {"pattern",
     R"({"type": "array", "items": {"type": "string", "pattern": "^[a-z]{2,40}( [a-z]+)*$"}})",
     R"(["analytical engine", "notes on the translation", "bernoulli numbers", "weaving"])"}};

const text::Tokenizer& Tokenizer() {
  static const text::Tokenizer tokenizer = [] {
    const std::string source = HADAL_SOURCE_DIR, shared = source + "/../shared/tokenizer";
    const char* given = std::getenv("HADAL_TOKENIZER");
    const std::string embedded = source + "/models/embedded";
    return text::Tokenizer::Open(given != nullptr                  ? given
                                 : std::filesystem::exists(shared) ? shared
                                                                   : embedded)
        .value();
  }();
  return tokenizer;
}

std::shared_ptr<const engine::Vocabulary> Vocabulary() {
  static const auto vocabulary = std::make_shared<const engine::Vocabulary>(Tokenizer());
  return vocabulary;
}

std::shared_ptr<engine::Language> LanguageOf(const Case& c) {
  return std::make_shared<engine::Language>(
      grammar::CompileSchema(ParseJson(c.schema).value()).value(), Vocabulary());
}

// Of this thread: others on the machine do not count.
double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Processor seconds of every token's mask and step.
std::vector<double> Follow(const std::shared_ptr<engine::Language>& language, const char* text,
                           benchmark::State& state) {
  engine::Constraint constraint({.language = language});
  std::vector<std::uint64_t> allowed;
  std::vector<double> seconds;
  for (const std::int32_t token : Tokenizer().Encode(text)) {
    const double begin = CpuSeconds();
    constraint.Next(&allowed);
    const bool in = (allowed[static_cast<std::size_t>(token) / 64] >> token % 64 & 1) != 0;
    if (!in || !constraint.Accept(token).ok()) state.SkipWithError("the text is not the schema's");
    seconds.push_back(CpuSeconds() - begin);
  }
  return seconds;
}

void Masks(benchmark::State& state, const Case& c, bool met) {
  auto language = LanguageOf(c);
  if (met) Follow(language, c.text, state);
  double sum = 0, worst = 0;
  std::size_t tokens = 0;
  for ([[maybe_unused]] auto _ : state) {
    if (!met) language = LanguageOf(c);
    const std::vector<double> seconds = Follow(language, c.text, state);
    for (const double s : seconds) sum += s;
    worst = *std::ranges::max_element(seconds);
    tokens += seconds.size();
  }
  state.counters["us_per_token"] = 1e6 * sum / static_cast<double>(tokens);
  state.counters["worst_us"] = 1e6 * worst;
  state.counters["vocabulary"] = static_cast<double>(Tokenizer().vocab_size());
}

void MakeVocabulary(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) {
    const engine::Vocabulary vocabulary(Tokenizer());
    benchmark::DoNotOptimize(vocabulary.trie().depth());
  }
}

const int kRegistered = [] {
  for (const Case& c : kCases)
    for (const bool met : {false, true})
      benchmark::RegisterBenchmark(
          (std::string("Masks/") + c.name + (met ? "/Met" : "/New")).c_str(),
          [&c, met](benchmark::State& state) { Masks(state, c, met); })
          ->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("MakeVocabulary", MakeVocabulary)->Unit(benchmark::kMillisecond);
  return 0;
}();

}  // namespace
}  // namespace hadal
