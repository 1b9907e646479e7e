#include "eval/golden.h"

#include <algorithm>
#include <bit>
#include <filesystem>
#include <iterator>
#include <map>

#include "base/clock.h"
#include "eval/golden_compare.h"

namespace hadal::eval {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongPrompt = 1024;
// Around the blocks of 4 and 128, and odd.
const std::vector<std::size_t> kOddChunks = {1, 3, 127, 2, 5, 129, 1, 61, 4, 7, 255, 33};

GoldenTraits TraitsOf(const model::Model& model, const GoldenCase& golden) {
  GoldenTraits traits{.architecture = model.config.architecture,
                      .exact_scales = model.config.scale_rule == ScaleRule::kExact};
  for (const std::string& name : model.checkpoint().Names()) {
    const DType dtype = model.checkpoint().Info(name)->dtype;
    if (dtype == DType::kF8E4M3 || dtype == DType::kI8) traits.quantised_weights = true;
  }
  traits.long_prompt = golden.prompt.size() > kLongPrompt;
  return traits;
}

std::size_t MtpTail(const GoldenCase& golden) {
  std::size_t rows = 0;
  for (const auto& [name, variant] : golden.variants)
    if (!variant.mtp_prefill_logits_tail.empty())
      rows = std::max(rows, variant.mtp_prefill_logits_tail.shape[0]);
  return rows;
}

std::size_t DifferentBits(const std::vector<float>& a, const std::vector<float>& b) {
  HADAL_CHECK(a.size() == b.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    count += std::bit_cast<std::uint32_t>(a[i]) != std::bit_cast<std::uint32_t>(b[i]) ? 1 : 0;
  return count;
}

// All of one case's work.
class Examiner {
 public:
  Examiner(const model::Model& model, const GoldenCase& golden, Threads& threads)
      : model_(model),
        golden_(golden),
        threads_(threads),
        context_{model.config, golden, TraitsOf(model, golden)},
        mtp_tail_(MtpTail(golden)) {}

  Result<std::vector<GoldenFigure>> Run() {
    for (const auto& [variant, want] : golden_.variants) {
      HADAL_TRY(const GoldenRun* run, WholeRun(variant));
      CompareRun(context_, variant, *run, variant, &figures_);
      if (variant != "bf16" && golden_.variants.contains("bf16"))
        CompareRun(context_, variant, *run, "bf16", &figures_);
      HADAL_TRY_STATUS(Layers(variant, want));
    }
    HADAL_TRY_STATUS(Stored());
    HADAL_TRY_STATUS(OwnDecode());
    for (const char* numerics : {"f32", "bf16", "stored"})
      HADAL_TRY_STATUS(SameInOddChunks(numerics));
    return std::move(figures_);
  }

 private:
  Result<GoldenRun> RunEngine(const std::string& numerics, std::vector<std::size_t> chunks) {
    return RunGoldenCase(model_, golden_,
                         {*arch::Numerics::FromName(numerics), mtp_tail_, std::move(chunks)},
                         threads_);
  }
  // The run with the prompt in one piece, made once.
  Result<const GoldenRun*> WholeRun(const std::string& numerics) {
    const auto found = runs_.find(numerics);
    if (found != runs_.end()) return &found->second;
    HADAL_TRY(GoldenRun run, RunEngine(numerics, {}));
    return &(runs_[numerics] = std::move(run));
  }

  Status Stored() {
    HADAL_TRY(const GoldenRun* run, WholeRun("stored"));
    for (const char* variant : {"f32", "bf16"})
      if (golden_.variants.contains(variant))
        CompareRun(context_, "stored", *run, variant, &figures_);
    CompareFidelity(context_, *run, &figures_);
    return Unit{};
  }

  // Each layer alone, so that differences do not build up across layers.
  Status Layers(const std::string& variant, const GoldenVariant& want) {
    if (want.layer_io.empty()) return Unit{};
    for (const char* engine : {"f32", "f32q", "bf16"}) {
      const auto limit = LayerLimit(RoundingOf(engine), variant, context_.traits);
      if (!limit) continue;
      HADAL_TRY(const std::vector<float> got,
                RunGoldenLayers(model_, golden_.layer_io_tokens, want.layer_io.values,
                                *arch::Numerics::FromName(engine), threads_));
      AddLayers(engine, variant, want, got, *limit);
    }
    return Unit{};
  }
  void AddLayers(const std::string& engine, const std::string& variant, const GoldenVariant& want,
                 const std::vector<float>& got, const Spread& limit) {
    const std::size_t width = model_.config.stream_dim();
    const std::size_t count = golden_.layer_io_tokens.size() * width;
    Spread worst;
    std::vector<GoldenFigure> layers;
    for (std::size_t l = 0; l < model_.config.num_hidden_layers; ++l) {
      const Spread error = SpreadOf(RowErrors(
          std::span<const float>(got).subspan(l * count, count),
          std::span<const float>(want.layer_io.values).subspan((l + 1) * count, count), width));
      worst = {std::max(worst.median, error.median), std::max(worst.p95, error.p95),
               std::max(worst.max, error.max)};
      layers.push_back(Judged({.engine = engine,
                               .against = variant,
                               .what = fmt::format("layer {} alone", l),
                               .error = error,
                               .error_limit = limit,
                               .detail = true}));
    }
    figures_.push_back(Judged({.engine = engine,
                               .against = variant,
                               .what = "each layer alone, worst",
                               .error = worst,
                               .error_limit = limit}));
    std::ranges::move(layers, std::back_inserter(figures_));
  }

  // The forced tokens as part of one prompt, against the forced tokens one at a time.
  Status OwnDecode() {
    if (golden_.next.empty()) return Unit{};
    GoldenCase whole = golden_;
    whole.prompt.insert(whole.prompt.end(), golden_.next.begin(), golden_.next.end());
    whole.next.clear();
    whole.prefill_positions.clear();
    for (std::size_t i = 0; i < golden_.next.size(); ++i)
      whole.prefill_positions.push_back(golden_.prompt.size() + i);
    HADAL_TRY(const GoldenRun at_once,
              RunGoldenCase(model_, whole, {arch::Numerics::F32()}, threads_));
    HADAL_TRY(const GoldenRun* stepwise, WholeRun("f32"));
    const double limit = OwnDecodeLimit(context_.traits);
    figures_.push_back(
        Judged({.engine = "f32",
                .against = "itself",
                .what = "decode, prefill",
                .error = SpreadOf(RowErrors(stepwise->decode_logits, at_once.prefill_logits,
                                            model_.config.vocab_size)),
                .error_limit = Spread{limit, limit, limit}}));
    return Unit{};
  }

  Status SameInOddChunks(const std::string& numerics) {
    HADAL_TRY(const GoldenRun* pointer, WholeRun(numerics));
    const GoldenRun& whole = *pointer;
    HADAL_TRY(const GoldenRun cut, RunEngine(numerics, kOddChunks));
    const std::size_t different = DifferentBits(whole.prefill_logits, cut.prefill_logits) +
                                  DifferentBits(whole.decode_logits, cut.decode_logits) +
                                  DifferentBits(whole.mtp_prefill, cut.mtp_prefill) +
                                  DifferentBits(whole.mtp_decode, cut.mtp_decode);
    figures_.push_back(Judged({.engine = numerics,
                               .against = "itself",
                               .what = "odd chunks: logits that differ",
                               .value = static_cast<double>(different),
                               .value_limit = 0}));
    return Unit{};
  }

  const model::Model& model_;
  const GoldenCase& golden_;
  Threads& threads_;
  GoldenContext context_;
  std::size_t mtp_tail_;
  std::map<std::string, GoldenRun> runs_;  // by numerics
  std::vector<GoldenFigure> figures_;
};

Json SpreadJson(const Spread& s) {
  return Json::MakeObject({{"median", s.median}, {"p95", s.p95}, {"max", s.max}});
}

Json FigureJson(const GoldenFigure& f) {
  Json json = Json::MakeObject(
      {{"engine", f.engine}, {"against", f.against}, {"what", f.what}, {"pass", f.pass}});
  if (f.error) {
    json.Set("median", f.error->median);
    json.Set("p95", f.error->p95);
    json.Set("max", f.error->max);
    if (f.error_limit) json.Set("limit", SpreadJson(*f.error_limit));
  }
  if (f.value) {
    json.Set("value", *f.value);
    if (f.value_limit) json.Set(f.at_least ? "at_least" : "at_most", *f.value_limit);
  }
  return json;
}

}  // namespace

Result<GoldenReport> RunGolden(const std::string& directory, Threads& threads) {
  const Stopwatch clock;
  HADAL_TRY(io::Checkpoint checkpoint, io::Checkpoint::Open(directory));
  HADAL_TRY(const model::Model model, model::Model::Load(std::move(checkpoint)));
  HADAL_TRY(const GoldenCase golden, ReadGoldenCase(directory, model.config));
  GoldenReport report{.name = golden.name, .directory = directory, .notes = model.notes};
  report.notes.insert(report.notes.end(), golden.notes.begin(), golden.notes.end());
  HADAL_TRY(report.figures, Examiner(model, golden, threads).Run());
  report.pass = std::ranges::all_of(report.figures, &GoldenFigure::pass);
  report.seconds = clock.seconds();
  return report;
}

GoldenReport UnreadCase(const std::string& directory, const Error& error) {
  return {.name = GoldenCaseName(directory),
          .directory = directory,
          .pass = false,
          .error = error.what};
}

Result<std::vector<std::string>> FindGoldenCases(const std::string& directory) {
  if (IsGoldenCase(directory)) return std::vector<std::string>{directory};
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
    if (IsGoldenCase(it->path().string())) found.push_back(it->path().string());
  if (error) return Fail(Code::kNotFound, "{}: {}", directory, error.message());
  if (found.empty())
    return Fail(Code::kNotFound,
                "{}: no expected.safetensors, here or one folder down: not golden cases",
                directory);
  std::sort(found.begin(), found.end());
  return found;
}

Json ToJson(const GoldenReport& report) {
  Json::Array figures;
  for (const GoldenFigure& figure : report.figures) figures.push_back(FigureJson(figure));
  Json json = Json::MakeObject({{"name", report.name},
                                {"directory", report.directory},
                                {"pass", report.pass},
                                {"seconds", report.seconds},
                                {"figures", std::move(figures)}});
  if (!report.error.empty()) json.Set("error", report.error);
  return json;
}

}  // namespace hadal::eval
