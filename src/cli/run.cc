// hadal run: continue a text.
#include <cstdio>
#include <iostream>
#include <iterator>
#include <optional>
#include <random>

#include "base/json.h"
#include "base/progress.h"
#include "base/table.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/model_files.h"
#include "cli/stop_signal.h"
#include "engine/generator.h"
#include "io/file.h"

namespace hadal::cli {
namespace {

constexpr const char* kAbout =
    "Continue a text.\n"
    "\n"
    "The prompt comes from -p, from -f, or from stdin. Without -m the embedded model is used. The "
    "same\n"
    "seed gives the same text, whatever the number of threads.\n"
    "\n"
    "Examples:\n"
    "  hadal run -p \"Once upon a time\" --max-tokens 100 --seed 1\n"
    "  hadal run -m ~/DeepSeek-V4-Flash -f prompt.txt --temperature 0 --stats\n"
    "  echo \"The king said\" | hadal run --stop \".\" --json";

struct RunOptions {
  std::string model, prompt, prompt_file;
  std::optional<double> temperature, top_p;
  engine::GenerateOptions generate;
  std::optional<std::uint64_t> seed;
  std::size_t threads = 0;
  bool prompt_given = false, no_bos = false, echo = false, stats = false, json = false;
};

Result<std::string> ReadPrompt(const RunOptions& options) {
  if (options.prompt_given) return options.prompt;
  if (!options.prompt_file.empty()) return io::ReadFile(options.prompt_file);
  if (IsTerminal(0))
    std::fputs("hadal: reading the prompt from the terminal; end it with Ctrl-D\n", stderr);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

// generation_config.json, where the publisher puts the sampling defaults of the model; it may be absent.
Status ReadSampleDefaults(const std::string& directory, engine::SampleOptions* sample) {
  const std::string path = directory + "/generation_config.json";
  auto text = io::ReadFile(path, 1 << 20);
  if (!text.ok()) {
    if (text.error().code == Code::kNotFound) return Unit{};
    return text.error();
  }
  auto json = ParseJson(*text);
  if (!json.ok()) return Within(path, json.error());
  const auto read = [&](const char* key, double* value) -> Status {
    const Json* found = json->Find(key);
    if (found == nullptr || found->is_null()) return Unit{};
    if (!found->AsNumber())
      return Fail(Code::kInvalid, "{}: {}: found {}, expected a number", path, key, found->Dump());
    *value = *found->AsNumber();
    return Unit{};
  };
  HADAL_TRY_STATUS(read("temperature", &sample->temperature));
  return read("top_p", &sample->top_p);
}

double PerSecond(std::size_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

Json StatsJson(const engine::GenerateResult& r, const ModelFiles& files, std::uint64_t seed) {
  // The first generated token comes out of the prefill.
  const std::size_t steps = r.generated_tokens > 0 ? r.generated_tokens - 1 : 0;
  return Json::MakeObject({{"finish_reason", engine::FinishReasonName(r.reason)},
                           {"seed", seed},
                           {"prompt_tokens", std::uint64_t{r.prompt_tokens}},
                           {"generated_tokens", std::uint64_t{r.generated_tokens}},
                           {"prefill_tokens_per_s", PerSecond(r.prompt_tokens, r.prefill_seconds)},
                           {"decode_tokens_per_s", PerSecond(steps, r.decode_seconds)},
                           {"weight_bytes", files.model.checkpoint().tensor_bytes()},
                           {"state_bytes", std::uint64_t{r.state_bytes}},
                           {"scratch_bytes", std::uint64_t{r.scratch_bytes}},
                           {"rss_peak_bytes", PeakResidentBytes()}});
}

void PrintStats(const engine::GenerateResult& r, const ModelFiles& files, std::uint64_t seed) {
  const std::size_t steps = r.generated_tokens > 0 ? r.generated_tokens - 1 : 0;
  Table table({"", ">", ""});
  const auto rate = [](std::size_t n, double seconds) {
    return fmt::format("{:.1f}", PerSecond(n, seconds));
  };
  table.Row({"prompt", FormatCount(r.prompt_tokens), "tokens"});
  table.Row({"prefill", rate(r.prompt_tokens, r.prefill_seconds), "tokens/s"});
  table.Row({"generated", FormatCount(r.generated_tokens),
             fmt::format("tokens, ended by {}", engine::FinishReasonName(r.reason))});
  table.Row({"decode", rate(steps, r.decode_seconds), "tokens/s"});
  table.Row({"weights", FormatBytes(files.model.checkpoint().tensor_bytes()), "mapped"});
  table.Row({"state", FormatBytes(r.state_bytes), "pages, window and tails of the sequence"});
  table.Row({"scratch", FormatBytes(r.scratch_bytes), ""});
  table.Row({"peak RSS", FormatBytes(PeakResidentBytes()), ""});
  table.Row({"seed", std::to_string(seed), ""});
  std::fprintf(stderr, "\n%s", table.Text().c_str());
}

Status Run(RunOptions options) {
  const std::atomic<bool>& stop = StopRequested();
  HADAL_TRY(const std::string prompt, ReadPrompt(options));
  HADAL_TRY(const ModelFiles files, OpenModel(options.model));
  engine::GenerateOptions generate = options.generate;
  HADAL_TRY_STATUS(ReadSampleDefaults(files.directory, &generate.sample));
  if (options.temperature) generate.sample.temperature = *options.temperature;
  if (options.top_p) generate.sample.top_p = *options.top_p;
  generate.sample.seed = options.seed.value_or(std::random_device()());
  generate.bos = !options.no_bos;
  generate.cancel = &stop;

  Threads threads(options.threads == 0 ? Threads::HardwareCount() : options.threads);
  std::optional<Progress> progress;
  std::string whole;
  engine::GenerateCallbacks callbacks;
  callbacks.on_prefill = [&](std::size_t done, std::size_t total) {
    if (!progress) progress.emplace("reading the prompt", total, options.json);
    progress->Set(done, fmt::format("{:.0f} tokens/s", PerSecond(done, progress->seconds())));
    if (done == total) progress.reset();
  };
  callbacks.on_text = [&](std::string_view text) {
    if (options.json) {
      whole += text;
      return;
    }
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  };
  if (options.echo) callbacks.on_text(prompt);
  HADAL_TRY(const engine::GenerateResult result,
            engine::Generate(files.model, files.tokenizer, threads, prompt, generate, callbacks));
  if (options.json) {
    Json out = Json::MakeObject({{"text", whole}});
    out.Set("stats", StatsJson(result, files, generate.sample.seed));
    std::fprintf(stdout, "%s\n", out.Dump(2).c_str());
  } else {
    std::fputc('\n', stdout);
    if (options.stats) PrintStats(result, files, generate.sample.seed);
  }
  if (result.reason == engine::FinishReason::kCancelled) return Fail(Code::kCancelled, "stopped");
  return Unit{};
}

}  // namespace

void AddRun(CLI::App& app, Work* work) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* run = app.add_subcommand("run", kAbout);
  run->add_option("-m,--model", options->model, "checkpoint directory");
  CLI::Option* prompt = run->add_option("-p,--prompt", options->prompt, "the text to continue");
  run->add_option("-f,--file", options->prompt_file, "a file with the text to continue")
      ->excludes(prompt);
  run->add_option("--max-tokens", options->generate.max_tokens, "stop after so many tokens")
      ->capture_default_str();
  run->add_option(
      "--temperature", options->temperature,
      "0: always the likeliest token (default: the model's generation_config.json, or 1)");
  run->add_option("--top-p", options->top_p,
                  "draw from the likeliest tokens that sum to this probability");
  run->add_option("--top-k", options->generate.sample.top_k,
                  "draw from the k likeliest tokens; 0: all")
      ->capture_default_str();
  run->add_option("--min-p", options->generate.sample.min_p,
                  "drop tokens less likely than this share of the likeliest")
      ->capture_default_str();
  run->add_option("--seed", options->seed,
                  "same seed, same text (default: a random one, see --stats)");
  run->add_option("--stop", options->generate.stop,
                  "end before this text; may be given several times")
      ->allow_extra_args(false);
  run->add_option("--threads", options->threads, "threads (default: all processors)")
      ->check(CLI::Range(1, 1024));
  run->add_flag("--no-bos", options->no_bos, "do not put the model's BOS token in front");
  run->add_flag("--echo", options->echo, "print the prompt before its continuation");
  run->add_flag("--stats", options->stats, "print speed and memory to stderr at the end");
  run->add_flag("--json", options->json, "print one JSON object with text and stats at the end");
  run->callback([options, work, prompt] {
    options->prompt_given = prompt->count() > 0;
    *work = [options] { return Run(*options); };
  });
}

}  // namespace hadal::cli
