#include "engine/speculation.h"

#include <algorithm>
#include <utility>

#include "arch/stored_tensor.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "cost/describe.h"
#include "engine/depth_choice.h"
#include "engine/lookup_drafter.h"
#include "engine/mtp_drafter.h"

namespace hadal::engine {
namespace {

constexpr std::size_t kLookupDepth = 4, kMtpDepth = 1;
constexpr double kLikely = 0.5;  // a guess that leaves nothing for the next drafter to add
constexpr std::uint64_t kExpectedContext = 4096;

double Seconds(const RowCosts& costs, std::size_t rows) {
  return costs.Predict({.decode = rows, .prompt = 0});
}

}  // namespace

std::optional<Drafting> DraftingByName(std::string_view name) {
  const auto found = std::ranges::find(kDraftingNames, name);
  if (found == std::end(kDraftingNames)) return std::nullopt;
  return static_cast<Drafting>(found - std::begin(kDraftingNames));
}

Status CheckSpeculate(const SpeculateOptions& options, const model::Model& model) {
  if (options.depth && (*options.depth == 0 || *options.depth > arch::kReturnTokens))
    return Fail(Code::kInvalid, "draft depth: found {}, expected 1 to {}", *options.depth,
                arch::kReturnTokens);
  if (options.drafting == Drafting::kMtp && !model.mtp)
    return Fail(Code::kInvalid, "speculation by mtp: the model has no MTP block");
  return Unit{};
}

std::vector<DrafterPlan> PlanDrafters(const SpeculateOptions& options, bool has_mtp) {
  if (options.drafter)
    return {{.by = Drafting::kOff, .most = options.depth.value_or(arch::kReturnTokens)}};
  const bool automatic = options.drafting == Drafting::kAuto;
  std::vector<DrafterPlan> plans;
  if (options.drafting == Drafting::kLookup || automatic)
    plans.push_back(
        {.by = Drafting::kLookup,
         .most = options.depth.value_or(automatic ? arch::kReturnTokens : kLookupDepth)});
  if (has_mtp && (options.drafting == Drafting::kMtp || automatic))
    plans.push_back(
        {.by = Drafting::kMtp, .most = options.depth.value_or(kMtpDepth), .costly = automatic});
  return plans;
}

std::size_t MostGuesses(const SpeculateOptions& options) {
  std::size_t most = 0;
  for (const DrafterPlan& plan : PlanDrafters(options, true)) most = std::max(most, plan.most);
  return most;
}

std::vector<double> Speculation::ExpectedCosts(const SpeculateOptions& options,
                                               const model::Model& model) {
  std::vector<double> expected;
  if (options.drafting != Drafting::kAuto) return expected;
  const io::Checkpoint& checkpoint = model.checkpoint();
  const auto config = arch::ParseAnyConfig(checkpoint.config());
  if (!config.ok()) return expected;
  const auto costs = cost::Describe(*config, cost::HeldByFormats([&](const std::string& name) {
    return arch::FormatIn(checkpoint, name);
  }),
                                    "");
  if (!costs.ok()) return expected;
  for (std::size_t rows = 1; rows <= DecodeCosts::kMostRows; ++rows)
    expected.push_back(cost::PassBytes(*costs, kExpectedContext, static_cast<double>(rows)));
  return expected;
}

Speculation::Speculation(const SpeculateOptions& options, const model::Model& model,
                         model::Forward& forward)
    : options_(options), forward_(forward) {
  for (const DrafterPlan& plan : PlanDrafters(options, model.mtp.has_value()))
    drafters_.push_back(
        {.drafter = MakeDrafter(plan.by, model), .most = plan.most, .costly = plan.costly});
}

std::unique_ptr<Drafter> Speculation::MakeDrafter(Drafting by, const model::Model& model) const {
  if (by == Drafting::kLookup) return std::make_unique<LookupDrafter>();
  if (by == Drafting::kMtp) return std::make_unique<MtpDrafter>(forward_, model.config);
  return options_.drafter();
}

Speculation::Learnt& Speculation::Of(RequestId id) {
  Learnt& learnt = learnt_[id];
  for (std::size_t i = learnt.offers.size(); i < drafters_.size(); ++i)
    learnt.offers.push_back({.acceptance = drafters_[i].acceptance.AsPrior()});
  return learnt;
}

void Speculation::Allot(std::span<ActiveRequest* const> texts, std::size_t room,
                        const RowCosts& costs) {
  if (!on()) return;
  GuessChances chances(texts.size());
  for (std::size_t t = 0; t < texts.size(); ++t) {
    const Learnt& learnt = Of(texts[t]->id());
    for (const Guess& guess : texts[t]->guesses())
      chances[t].push_back(learnt.offers[learnt.by].acceptance.Chance(guess.evidence));
  }
  const std::vector<std::size_t> depths =
      options_.drafting == Drafting::kAuto
          ? ChooseDepths(chances, room, [&](std::size_t rows) { return Seconds(costs, rows); })
          : AllDepths(chances, room);
  std::vector<std::int32_t> tokens;
  for (std::size_t t = 0; t < texts.size(); ++t) {
    texts[t]->Try(depths[t]);
    for (std::size_t i = 0; i < depths[t]; ++i) tokens.push_back(texts[t]->guesses()[i].token);
  }
  forward_.AnnounceTokens(tokens);
}

// Every guess that was made, tried or not, against the tokens that came.
void Speculation::Learn(std::span<const PassText> texts) {
  for (const PassText& text : texts) {
    Learnt& learnt = Of(text.request->id());
    for (std::size_t i = 0; i < drafters_.size(); ++i) {
      Offer& offer = learnt.offers[i];
      offer.acceptance.Saw(offer.guesses, text.request->drawn());
      drafters_[i].acceptance.Saw(offer.guesses, text.request->drawn());
      offer.guesses.clear();
    }
  }
}

// What the costly drafters' guesses of the last decoding pass were worth.
void Speculation::Judge(std::span<const PassText> texts, const RowCosts& costs) {
  const auto decoded = static_cast<std::size_t>(std::ranges::count_if(
      texts, [](const PassText& text) { return !text.request->drawn().empty(); }));
  const double alone = Seconds(costs, decoded);
  for (std::size_t i = 0; i < drafters_.size(); ++i) {
    Asked& asked = drafters_[i];
    if (!asked.costly || decoded == 0) continue;
    if (!asked.trial.asks()) asked.trial.Rested();
    if (asked.rows == 0) continue;
    std::size_t tried = 0, accepted = 0;
    for (const PassText& text : texts) {
      if (Of(text.request->id()).by != i) continue;
      tried += text.request->tried();
      accepted += text.request->accepted();
    }
    const double saved = alone * static_cast<double>(accepted) / static_cast<double>(decoded);
    asked.trial.Passed(saved,
                       Seconds(costs, decoded + tried) - alone + asked.seconds.Seconds(asked.rows));
  }
}

double Speculation::ChanceOf(const Offer& offer) const {
  return offer.guesses.empty() ? 0 : offer.acceptance.Chance(offer.guesses[0].evidence);
}

// Whether an earlier drafter's guess leaves little to add.
bool Speculation::Answered(std::size_t number, RequestId id) {
  const Learnt& learnt = Of(id);
  return std::any_of(learnt.offers.begin(),
                     learnt.offers.begin() + static_cast<std::ptrdiff_t>(number),
                     [&](const Offer& offer) { return ChanceOf(offer) >= kLikely; });
}

// A costly drafter is shown no prompts before it has won: they are most of the rows.
bool Speculation::Asks(const Asked& asked, const PassText& text) const {
  if (!asked.costly) return true;
  return asked.trial.asks() && (asked.trial.won() || !text.request->drawn().empty());
}

void Speculation::Ask(std::size_t number, std::span<const PassText> texts) {
  Asked& asked = drafters_[number];
  asked.rows = 0;
  std::vector<DraftText> asking;
  std::vector<RequestId> ids;
  for (const PassText& text : texts) {
    if (asked.failed || !Asks(asked, text)) continue;
    const RequestId id = text.request->id();
    ids.push_back(id);
    asking.push_back(
        text.request->ForDrafter(text.first_row, text.rows, Answered(number, id) ? 0 : asked.most));
    asked.rows += text.rows;
  }
  if (asking.empty()) return;
  const Stopwatch clock;
  const Status drafted = asked.drafter->Draft(asking);
  asked.failed = !drafted.ok() && drafted.error().code != Code::kExhausted;
  if (asked.failed) spdlog::warn("drafter_stopped error={}", Json(drafted.error().what).Dump());
  asked.seconds.Measured(asked.rows, clock.seconds());
  if (!drafted.ok()) return;
  for (std::size_t i = 0; i < ids.size(); ++i)
    Of(ids[i]).offers[number].guesses = std::move(asking[i].guesses);
}

void Speculation::Propose(const PassText& text) {
  Learnt& learnt = Of(text.request->id());
  for (std::size_t i = 0; i < drafters_.size(); ++i)
    if (ChanceOf(learnt.offers[i]) > ChanceOf(learnt.offers[learnt.by])) learnt.by = i;
  text.request->Propose(learnt.offers[learnt.by].guesses, &scratch_);
}

void Speculation::Draft(std::span<const PassText> texts, const RowCosts& costs) {
  if (!on()) return;
  Learn(texts);
  Judge(texts, costs);
  for (std::size_t i = 0; i < drafters_.size(); ++i) Ask(i, texts);
  for (const PassText& text : texts) Propose(text);
}

}  // namespace hadal::engine
