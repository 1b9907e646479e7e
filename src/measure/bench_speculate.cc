#include "measure/bench_speculate.h"

#include <algorithm>
#include <array>
#include <utility>

#include "arch/config.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/units.h"
#include "cache/random_state.h"
#include "chat/dialect.h"
#include "chat/encode.h"
#include "chat/prompt_tokens.h"
#include "engine/generator.h"
#include "engine/model_files.h"
#include "io/checkpoint_files.h"
#include "model/forward.h"

namespace hadal::measure {
namespace {

using engine::Drafting;

constexpr std::size_t kMostRows = 4;
constexpr Drafting kDraftings[] = {Drafting::kOff, Drafting::kLookup, Drafting::kMtp,
                                   Drafting::kAuto};

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values.empty() ? 0 : values[(values.size() - 1) / 2];
}

bool Stopped(const BenchOptions& options) {
  return options.cancel != nullptr && options.cancel->load();
}

// Passes of one to kMostRows rows of one sequence, in turns, each taken back.
class RowTimer {
 public:
  RowTimer(const model::Model& model, model::Forward& forward)
      : model_(model), forward_(forward), logits_(kMostRows * model.config.vocab_size) {}

  Result<SpeculateRows> Measure(cache::Sequence& sequence, std::size_t samples) {
    std::array<std::vector<double>, kMostRows> seconds;
    std::vector<double> mtp;
    for (std::size_t sample = 0; sample <= samples; ++sample)
      for (std::size_t rows = 1; rows <= kMostRows; ++rows) {
        HADAL_TRY(const double pass, Pass(sequence, rows));
        if (sample == 0) continue;  // weights are read for the first time
        seconds[rows - 1].push_back(pass);
        if (rows == 1 && model_.mtp) mtp.push_back(mtp_seconds_);
      }
    SpeculateRows measured;
    measured.depth = sequence.tokens();
    measured.mtp_seconds = Median(mtp);
    for (const std::vector<double>& of : seconds) measured.seconds.push_back(Median(of));
    return measured;
  }

 private:
  Result<double> Pass(cache::Sequence& sequence, std::size_t rows) {
    const std::uint64_t before = sequence.tokens(), mtp = sequence.state().mtp_tokens;
    std::vector<std::int32_t> tokens;
    for (std::size_t i = 0; i < rows; ++i)
      tokens.push_back(static_cast<std::int32_t>(random_.Below(model_.config.vocab_size)));
    HADAL_TRY_STATUS(sequence.Reserve(rows));
    const model::Chunk chunk{&sequence.state(), tokens};
    const Stopwatch clock;
    HADAL_TRY_STATUS(forward_.Run({&chunk, 1}));
    forward_.Logits(0, View2<float>(logits_.data(), rows, model_.config.vocab_size));
    const double seconds = clock.seconds();
    if (rows == 1 && model_.mtp) HADAL_TRY_STATUS(TimeMtp(sequence, tokens));
    HADAL_TRY_STATUS(sequence.Truncate(before, std::min(mtp, before)));
    return seconds;
  }

  Status TimeMtp(cache::Sequence& sequence, std::span<const std::int32_t> next) {
    sequence.state().mtp_tokens = sequence.tokens() - 1;
    const Stopwatch clock;
    HADAL_TRY_STATUS(forward_.RunMtp(sequence.state(), 0, next));
    forward_.MtpLogits(0, std::span(logits_).first(model_.config.vocab_size));
    mtp_seconds_ = clock.seconds();
    return Unit{};
  }

  const model::Model& model_;
  model::Forward& forward_;
  std::vector<float> logits_;
  Random random_{1};
  double mtp_seconds_ = 0;
};

Status MeasureRows(const BenchOptions& options, const model::Model& model, Threads& threads,
                   const std::function<void(const std::string&)>& on_step,
                   SpeculateReport* report) {
  HADAL_TRY(model::Forward forward,
            model::Forward::Create(model, arch::Numerics::Stored(), threads, kMostRows));
  const std::vector<std::uint64_t> depths =
      options.depth.empty() ? std::vector<std::uint64_t>{4096} : options.depth;
  for (const std::uint64_t depth : depths) {
    if (depth + kMostRows > model.config.max_position_embeddings)
      return Fail(Code::kInvalid, "{} tokens of context and {} more are more than the model's {}",
                  depth, kMostRows, model.config.max_position_embeddings);
    on_step(fmt::format("rows at depth {}", FormatCount(depth)));
    HADAL_TRY(cache::Sequence sequence, cache::Sequence::Create(forward.layout()));
    HADAL_TRY_STATUS(
        cache::FillRandom(model.config, arch::Numerics::Stored(), depth, 1, threads, &sequence));
    RowTimer timer(model, forward);
    HADAL_TRY(SpeculateRows rows, timer.Measure(sequence, options.quick ? 3 : 4 * options.repeat));
    report->rows.push_back(std::move(rows));
    if (Stopped(options)) return Fail(Code::kCancelled, "stopped");
  }
  return Unit{};
}

struct Prompt {
  const char* kind;
  std::vector<std::int32_t> tokens;
};

struct Run {
  std::string text;
  engine::GenerateResult result;
};

class TextBench {
 public:
  TextBench(const BenchOptions& options, const engine::ModelFiles& files, Threads& threads)
      : options_(options), files_(files), threads_(threads), tokens_(options.quick ? 24 : 192) {}

  // A story's beginning; a question in the chat format; a story, and the beginning of the same.
  Result<std::vector<Prompt>> Prompts() {
    std::vector<Prompt> prompts;
    const text::Tokenizer& tokenizer = files_.tokenizer;
    prompts.push_back({"prose", WithBos(tokenizer.Encode("Once upon a time"))});
    std::vector<chat::Message> question(1);
    question[0].role = chat::Role::kUser;
    question[0].content = "Tell me a story about a fox and a king.";
    const chat::Dialect& dialect =
        chat::DialectOf(arch::ModelType(files_.model.config.architecture));
    auto chat = chat::PromptTokens(tokenizer, chat::Encode(dialect, question, {}));
    if (chat.ok()) prompts.push_back({"chat", std::move(*chat)});
    HADAL_TRY(const Run story, Generate(prompts[0].tokens, 0, Drafting::kOff));
    const std::vector<std::int32_t> said = tokenizer.Encode(story.text);
    std::vector<std::int32_t> copied = prompts[0].tokens;
    copied.insert(copied.end(), said.begin(), said.end());
    copied.insert(copied.end(), prompts[0].tokens.begin(), prompts[0].tokens.end());
    copied.insert(
        copied.end(), said.begin(),
        said.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(said.size(), 24)));
    prompts.push_back({"copied", std::move(copied)});
    return prompts;
  }

  // All ways of guessing in turns, so that what disturbs one disturbs the others too.
  Status Measure(const Prompt& prompt, double temperature, std::vector<SpeculateText>* texts) {
    std::array<std::vector<double>, std::size(kDraftings)> rates, shares;
    std::array<Run, std::size(kDraftings)> last;
    for (std::size_t sample = 0; sample < (options_.quick ? 1 : options_.repeat); ++sample)
      for (std::size_t d = 0; d < std::size(kDraftings); ++d) {
        if (kDraftings[d] == Drafting::kMtp && !files_.model.mtp) continue;
        HADAL_TRY(last[d], Generate(prompt.tokens, temperature, kDraftings[d]));
        if (last[d].text != last[0].text)
          return Fail(Code::kCorrupt, "{} with guesses by {}: another text than without them",
                      prompt.kind, engine::DraftingName(kDraftings[d]));
        rates[d].push_back(Rate(last[d].result));
        shares[d].push_back(rates[d].back() / rates[0].back());
        if (Stopped(options_)) return Fail(Code::kCancelled, "stopped");
      }
    for (std::size_t d = 0; d < std::size(kDraftings); ++d)
      if (!rates[d].empty())
        texts->push_back({.kind = prompt.kind,
                          .drafting = engine::DraftingName(kDraftings[d]),
                          .temperature = temperature,
                          .tokens = last[d].result.generated_tokens,
                          .tokens_per_s = Median(rates[d]),
                          .against_off = Median(shares[d]),
                          .drafts = last[d].result.drafts});
    return Unit{};
  }

 private:
  static double Rate(const engine::GenerateResult& result) {
    const double tokens = static_cast<double>(result.generated_tokens) - 1;
    return result.decode_seconds > 0 ? tokens / result.decode_seconds : 0;
  }

  std::vector<std::int32_t> WithBos(std::vector<std::int32_t> tokens) const {
    if (const auto bos = files_.model.config.bos_token_id)
      tokens.insert(tokens.begin(), static_cast<std::int32_t>(*bos));
    return tokens;
  }

  Result<Run> Generate(const std::vector<std::int32_t>& prompt, double temperature,
                       Drafting drafting) {
    engine::GenerateOptions generate;
    generate.tokens = prompt;
    generate.sample.temperature = temperature;
    generate.sample.seed = 1;
    generate.stop.max_tokens = tokens_;
    generate.stop.ignore_eos = true;
    generate.speculate.drafting = drafting;
    generate.cancel = options_.cancel;
    Run run;
    engine::GenerateCallbacks callbacks;
    callbacks.on_text = [&](std::string_view text) { run.text += text; };
    HADAL_TRY(run.result, engine::Generate(files_, threads_, "", generate, callbacks));
    return run;
  }

  const BenchOptions& options_;
  const engine::ModelFiles& files_;
  Threads& threads_;
  const std::size_t tokens_;
};

Status MeasureTexts(const BenchOptions& options, const engine::ModelFiles& files, Threads& threads,
                    const std::function<void(const std::string&)>& on_step,
                    SpeculateReport* report) {
  TextBench bench(options, files, threads);
  HADAL_TRY(const std::vector<Prompt> prompts, bench.Prompts());
  for (const Prompt& prompt : prompts)
    for (const double temperature : {0.0, 0.8}) {
      on_step(fmt::format("{} at temperature {}", prompt.kind, temperature));
      HADAL_TRY_STATUS(bench.Measure(prompt, temperature, &report->texts));
    }
  return Unit{};
}

}  // namespace

Result<SpeculateReport> RunSpeculateBench(const BenchOptions& options,
                                          const std::function<void(const std::string&)>& on_step) {
  SpeculateReport report;
  Threads threads(options.threads.empty() ? Threads::HardwareCount() : options.threads[0]);
  report.threads = threads.count();
  auto files = engine::OpenModel(options.model);
  if (files.ok()) {
    report.model = io::NameOfFolder(files->directory);
    HADAL_TRY_STATUS(MeasureRows(options, files->model, threads, on_step, &report));
    HADAL_TRY_STATUS(MeasureTexts(options, *files, threads, on_step, &report));
    return report;
  }
  if (files.error().code != Code::kNotFound) return files.error();
  HADAL_TRY(const model::Model model, model::Model::Open(options.model));
  report.model = io::NameOfFolder(options.model);
  report.notes.push_back("no texts: " + files.error().what);
  HADAL_TRY_STATUS(MeasureRows(options, model, threads, on_step, &report));
  return report;
}

}  // namespace hadal::measure
