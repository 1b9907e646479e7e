// Speed of the tokenizer: loading, encoding and decoding, one core.
//
//   HADAL_TOKENIZER=DIR  the tokenizer to measure (default: shared/tokenizer beside the source
//                        tree, the published vocabulary of 129,280; else one of 4,096 learnt on the
//                        spot)
//   HADAL_TEXT=FILE      measured besides the generated text
//
// bytes_per_second is of text; "tokens" says how many ids the text became. The generated text is
// the same on every machine.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "base/random.h"
#include "text/bpe_trainer.h"
#include "text/tokenizer.h"

namespace hadal {
namespace {

using text::Tokenizer;

constexpr const char* kWords[] = {
    "the",      "and",     "of",       "to",        "a",       "in",        "he",       "was",
    "that",     "it",      "she",      "had",       "his",     "they",      "with",     "her",
    "for",      "as",      "on",       "at",        "said",    "but",       "not",      "all",
    "so",       "then",    "when",     "there",     "little",  "king",      "old",      "came",
    "went",     "would",   "which",    "who",       "one",     "out",       "into",     "again",
    "house",    "forest",  "morning",  "evening",   "water",   "mountain",  "daughter", "brother",
    "castle",   "golden",  "silver",   "beautiful", "nothing", "together",  "journey",  "answered",
    "suddenly", "kingdom", "princess", "shepherd",  "window",  "garden",    "candle",   "whispered",
    "remember", "silence", "shoulder", "thousand",  "promise", "wandering", "merchant", "treasure"};
constexpr std::size_t kWordCount = sizeof kWords / sizeof kWords[0];

// A word of its own now and then, so that a cache of words is not all that is measured.
std::string RareWord(Random& random) {
  constexpr const char* kSyllables[] = {"ber", "lan", "tor", "mi", "sel",  "ka", "dun", "ro",
                                        "wen", "fi",  "gra", "ol", "ster", "an", "cle", "ty"};
  std::string word;
  for (std::size_t n = 2 + random.Below(3); n > 0; --n) word += kSyllables[random.Below(16)];
  return word;
}

std::string Word(Random& random) {
  if (random.Below(12) == 0) return RareWord(random);
  if (random.Below(60) == 0) return std::to_string(random.Below(2000));
  // Common words first, roughly as in language: the rank is log-uniform.
  const double rank =
      std::exp(random.Uniform() * std::log(static_cast<double>(kWordCount) + 1)) - 1;
  return kWords[std::min(static_cast<std::size_t>(rank), kWordCount - 1)];
}

std::string EnglishLike(std::size_t bytes) {
  Random random(20240917);
  std::string out;
  while (out.size() < bytes) {
    for (std::size_t sentence = 2 + random.Below(6); sentence > 0; --sentence) {
      std::string first = Word(random);
      first[0] = static_cast<char>(first[0] >= 'a' ? first[0] - 'a' + 'A' : first[0]);
      out += first;
      for (std::size_t words = 3 + random.Below(16); words > 0; --words) {
        if (random.Below(10) == 0) out += ',';
        out += ' ' + Word(random);
      }
      out += random.Below(8) == 0 ? "!\" " : random.Below(12) == 0 ? "'s? " : ". ";
    }
    out.back() = '\n';
    out += '\n';
  }
  return out;
}

std::string TokenizerPath() {
  if (const char* path = std::getenv("HADAL_TOKENIZER")) return path;
  const std::string shared = HADAL_SOURCE_DIR "/../shared/tokenizer";
  std::error_code ignored;
  return std::filesystem::exists(shared, ignored) ? shared : "";
}

const Tokenizer& TheTokenizer() {
  static const Tokenizer tokenizer = [] {
    const std::string path = TokenizerPath();
    const std::string prose = EnglishLike(1 << 20);
    auto made =
        path.empty() ? Tokenizer::Parse(*text::TrainBpe({prose}, {}, {})) : Tokenizer::Open(path);
    if (!made.ok()) {
      std::fprintf(stderr, "tokenizer_bench: %s\n", made.error().what.c_str());
      std::exit(1);
    }
    return std::move(made).value();
  }();
  return tokenizer;
}

void Measure(benchmark::State& state, const std::string& text) {
  const Tokenizer& tokenizer = TheTokenizer();
  std::size_t tokens = tokenizer.Encode(text).size();  // warms up
  for (auto _ : state) {
    tokens = tokenizer.Encode(text).size();
    benchmark::DoNotOptimize(tokens);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
  state.counters["tokens"] = static_cast<double>(tokens);
  state.counters["vocab"] = static_cast<double>(tokenizer.vocab_size());
}

void EncodeProse(benchmark::State& state) {
  Measure(state, EnglishLike(static_cast<std::size_t>(state.range(0))));
}
BENCHMARK(EncodeProse)->Arg(200)->Arg(10'000'000)->Unit(benchmark::kMillisecond);

void EncodeFile(benchmark::State& state) {
  const char* path = std::getenv("HADAL_TEXT");
  std::ifstream file(path == nullptr ? "" : path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) return state.SkipWithError("HADAL_TEXT names no text file");
  Measure(state, text.str());
}
BENCHMARK(EncodeFile)->Unit(benchmark::kMillisecond);

// One line of 10 MB that no pattern cuts: what the merging itself costs.
void EncodeLine(benchmark::State& state, const char* unit) {
  std::string text;
  while (text.size() < 10'000'000) text += unit;
  Measure(state, text);
}
BENCHMARK_CAPTURE(EncodeLine, letters, "thequickbrownfox")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(EncodeLine, one_letter, "a")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(EncodeLine, spaces, " ")->Unit(benchmark::kMillisecond);

void Decode(benchmark::State& state) {
  const std::string text = EnglishLike(10'000'000);
  const auto ids = TheTokenizer().Encode(text);
  for (auto _ : state) benchmark::DoNotOptimize(TheTokenizer().Decode(ids).size());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(Decode)->Unit(benchmark::kMillisecond);

void Load(benchmark::State& state) {
  if (TokenizerPath().empty()) return state.SkipWithError("no tokenizer.json; set HADAL_TOKENIZER");
  for (auto _ : state) {
    const auto tokenizer = Tokenizer::Open(TokenizerPath());
    if (!tokenizer.ok()) return state.SkipWithError(tokenizer.error().what.c_str());
    benchmark::DoNotOptimize(tokenizer->vocab_size());
  }
}
BENCHMARK(Load)->Unit(benchmark::kMillisecond);

void TrainVocabulary4096(benchmark::State& state) {
  const std::string text = EnglishLike(10'000'000);
  for (auto _ : state) benchmark::DoNotOptimize(text::TrainBpe({text}, {}, {}).ok());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(TrainVocabulary4096)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hadal
