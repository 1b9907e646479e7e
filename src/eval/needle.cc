#include "eval/needle.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "arch/layer_kind.h"
#include "datagen/grammar.h"
#include "datagen/recall.h"
#include "engine/footprint.h"
#include "eval/haystack.h"
#include "eval/needle_trial.h"

namespace hadal::eval {
namespace {

constexpr std::size_t kBatchTokens = 256;
constexpr std::size_t kQuestionTokens = 96;  // no question with its value has more
constexpr std::size_t kNearTokens = 320;     // the text in which a lost needle is asked for again
constexpr double kSpread = 0.05;             // a cell's needles lie so near to its depth, in all

std::size_t IndexedLayers(const arch::Config& config) {
  std::size_t layers = 0;
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer)
    layers += arch::LayerKindOf(config, layer).indexed ? 1 : 0;
  return layers;
}

// Needles of every depth, in the order of depths, several times over.
std::vector<PlacedNeedle> DrawNeedles(const NeedleOptions& options, std::size_t count,
                                      std::size_t first_trial, Random* random) {
  std::vector<PlacedNeedle> placed;
  for (datagen::Needle& needle : datagen::MakeNeedles(datagen::Half::kHeldOut, count, random)) {
    const std::size_t depth_index = (first_trial + placed.size()) % options.depths;
    const double depth = options.depths == 1 ? 0.5
                                             : static_cast<double>(depth_index) /
                                                   static_cast<double>(options.depths - 1);
    const double spread = (random->Uniform() - 0.5) * kSpread;
    placed.push_back({std::move(needle), depth_index, std::clamp(depth + spread, 0.0, 1.0), 0, {}});
  }
  return placed;
}

class NeedleRun {
 public:
  NeedleRun(const engine::ModelFiles& files, const NeedleOptions& options,
            const NeedleCallbacks& callbacks, const QuestionForm& form, Reader reader)
      : files_(files),
        options_(options),
        callbacks_(callbacks),
        form_(form),
        reader_(std::move(reader)),
        filler_(files.tokenizer, options.haystack),
        random_(options.seed),
        needle_tokens_(NeedleTokens(files.tokenizer)) {
    for (const std::size_t length : options.lengths) total_ += length * Haystacks(length);
  }

  Result<NeedleResult> Run() {
    NeedleResult result{{}, options_.unaided, form_.chat(), IndexedLayers(files_.model.config)};
    for (const std::size_t length : options_.lengths) {
      const std::size_t first_cell = result.cells.size();
      for (std::size_t i = 0; i < options_.depths; ++i)
        result.cells.push_back(
            {.length = length,
             .depth = options_.depths == 1
                          ? 0.5
                          : static_cast<double>(i) / static_cast<double>(options_.depths - 1)});
      HADAL_TRY_STATUS(RunLength(length, std::span(result.cells).subspan(first_cell)));
    }
    return result;
  }

 private:
  std::size_t NeedlesAtOnce(std::size_t length) const {
    return eval::NeedlesAtOnce(length, options_.share, needle_tokens_);
  }
  std::size_t Haystacks(std::size_t length) const {
    const std::size_t all = options_.depths * options_.trials, at_once = NeedlesAtOnce(length);
    return (all + at_once - 1) / at_once;
  }

  Status RunLength(std::size_t length, std::span<NeedleCell> cells) {
    const std::size_t all = options_.depths * options_.trials;
    for (std::size_t trial = 0; trial < all;) {
      const std::size_t count = std::min(NeedlesAtOnce(length), all - trial);
      const Haystack haystack =
          BuildHaystack(files_.tokenizer, form_, DrawNeedles(options_, count, trial, &random_),
                        length - kQuestionTokens, &filler_, &random_);
      HADAL_TRY(const cache::Sequence read, reader_.Read(haystack.tokens, [&](std::uint64_t done) {
        if (callbacks_.on_progress) callbacks_.on_progress(done_ + done, total_);
      }));
      for (const PlacedNeedle& needle : haystack.needles)
        HADAL_TRY_STATUS(RunTrial(read, haystack, needle, &cells[needle.depth_index]));
      done_ += length;
      trial += count;
    }
    return Unit{};
  }

  Status RunTrial(const cache::Sequence& read, const Haystack& haystack, const PlacedNeedle& needle,
                  NeedleCell* cell) {
    HADAL_TRY(const TrialOutcome outcome, reader_.Ask(read, haystack, needle));
    ++cell->trials;
    cell->chosen += outcome.chosen ? 1 : 0;
    // Also of what an unaided answer finds after all: it draws random numbers, and the texts behind
    // it are to be the same either way.
    std::optional<NeedleStage> lost;
    if (!outcome.found) {
      HADAL_TRY(lost, StageOf(outcome, needle));
    }
    if (options_.unaided) {
      HADAL_TRY(const std::string answer, reader_.Answer(read, needle.needle));
      if (datagen::HasWord(answer, needle.needle.value))
        lost.reset();
      else if (!lost)
        lost = NeedleStage::kWording;
    }
    if (lost)
      ++cell->lost[static_cast<std::size_t>(*lost)];
    else
      ++cell->found;
    return Unit{};
  }

  Result<NeedleStage> StageOf(const TrialOutcome& outcome, const PlacedNeedle& lost) {
    PlacedNeedle needle = lost;
    needle.depth = 0.5;
    const Haystack near =
        BuildHaystack(files_.tokenizer, form_, {needle}, kNearTokens, &filler_, &random_);
    HADAL_TRY(const cache::Sequence read, reader_.Read(near.tokens, {}));
    HADAL_TRY(const TrialOutcome again, reader_.Ask(read, near, near.needles.front()));
    return eval::StageOf(outcome, again.found, IndexedLayers(files_.model.config) > 0);
  }

  const engine::ModelFiles& files_;
  const NeedleOptions& options_;
  const NeedleCallbacks& callbacks_;
  const QuestionForm& form_;
  Reader reader_;
  FillerLines filler_;
  Random random_;
  double needle_tokens_;
  std::uint64_t done_ = 0, total_ = 0;
};

Status CheckOptions(const NeedleOptions& options, const arch::Config& config) {
  constexpr std::size_t kShortest = 512;
  for (const std::size_t length : options.lengths)
    if (length < kShortest || length > config.max_position_embeddings)
      return Fail(Code::kInvalid, "length: found {}, expected {} to the model's context, {} tokens",
                  length, kShortest, config.max_position_embeddings);
  if (options.lengths.empty() || options.depths == 0 || options.trials == 0)
    return Fail(Code::kInvalid, "lengths, depths, trials: found none, expected at least one");
  if (!(options.share > 0 && options.share <= 0.5))
    return Fail(Code::kInvalid, "share: found {}, expected more than 0 and at most 0.5",
                options.share);
  return Unit{};
}

}  // namespace

Result<NeedleResult> RunNeedles(const engine::ModelFiles& files, Threads& threads,
                                const NeedleOptions& options, const NeedleCallbacks& callbacks) {
  const arch::Config& config = files.model.config;
  HADAL_TRY_STATUS(CheckOptions(options, config));
  const arch::KvLayout layout(config, arch::Numerics::Stored());
  const engine::Footprint footprint =
      engine::PlanFootprint(files.model, layout,
                            {.tokens = std::ranges::max(options.lengths),
                             .sequences = 2,
                             .chunk_tokens = kBatchTokens,
                             .threads = threads.count()});
  HADAL_TRY(const std::string note, engine::CheckMemory(footprint, options.ram_bytes));
  if (!note.empty() && callbacks.on_note) callbacks.on_note(note);
  HADAL_TRY(model::Forward forward,
            model::Forward::Create(files.model, arch::Numerics::Stored(), threads, kBatchTokens));
  const QuestionForm form(chat::DialectOf(arch::ModelType(config.architecture)), files.tokenizer,
                          config.bos_token_id);
  return NeedleRun(files, options, callbacks, form,
                   Reader(files, form, std::move(forward), options.cancel))
      .Run();
}

}  // namespace hadal::eval
