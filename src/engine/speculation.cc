#include "engine/speculation.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "arch/stored_tensor.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "cost/describe.h"
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

// What was measured once says nothing yet: it is measured again.
auto SureSeconds(const RowCosts& costs) {
  return [&decode = costs.decode()](std::size_t rows) {
    return decode.Seconds(rows, DecodeCosts::kSure);
  };
}

std::vector<Asked> MakeDrafters(const SpeculateOptions& options, const model::Model& model,
                                model::Forward& forward) {
  std::vector<Asked> made;
  for (const DrafterPlan& plan : PlanDrafters(options, model.mtp.has_value())) {
    Asked asked{.drafter = nullptr, .most = plan.most, .costly = plan.costly};
    if (plan.by == Drafting::kLookup)
      asked.drafter = std::make_unique<LookupDrafter>();
    else if (plan.by == Drafting::kMtp)
      asked.drafter = std::make_unique<MtpDrafter>(forward, model.config);
    else
      asked.drafter = options.drafter();
    made.push_back(std::move(asked));
  }
  return made;
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
    : Speculation(MakeDrafters(options, model, forward),
                  options.drafting == Drafting::kAuto && !options.drafter,
                  [clock = Stopwatch()] { return clock.seconds(); }) {
  announce_ = [&forward](std::span<const std::int32_t> tokens) { forward.AnnounceTokens(tokens); };
}

Speculation::Speculation(std::vector<Asked> drafters, bool chooses, std::function<double()> now)
    : drafters_(std::move(drafters)), chooses_(chooses), now_(std::move(now)) {}

Speculation::Learnt& Speculation::Of(RequestId id) {
  Learnt& learnt = learnt_[id];
  for (std::size_t i = learnt.offers.size(); i < drafters_.size(); ++i)
    learnt.offers.push_back({.acceptance = drafters_[i].acceptance.AsPrior()});
  return learnt;
}

// What may not be tried, as nothing is left to lose by it, has no chances.
GuessChances Speculation::ChancesOf(std::span<ActiveRequest* const> texts) {
  GuessChances chances(texts.size());
  for (std::size_t t = 0; t < texts.size(); ++t) {
    const Learnt& learnt = Of(texts[t]->id());
    const DraftAccount& account = drafters_[learnt.by].account;
    if (chooses_ && account.left() <= 0) continue;
    for (const Guess& guess : texts[t]->guesses())
      chances[t].push_back(
          learnt.offers[learnt.by].acceptance.Chance(guess.evidence, account.trust()));
  }
  return chances;
}

// Seconds that a pass may lose: what each of those has left whose guesses it may try.
double Speculation::Covered(std::span<ActiveRequest* const> texts) {
  double least = std::numeric_limits<double>::infinity();
  for (const ActiveRequest* text : texts)
    if (!text->guesses().empty())
      least = std::min(least, std::max(drafters_[Of(text->id()).by].account.left(), 0.0));
  return least;
}

// As many as pay, if the account covers that all of them are wrong; or a few more than were
// measured.
std::vector<std::size_t> Speculation::Choose(const GuessChances& chances, double covered,
                                             std::size_t room, const RowCosts& costs) const {
  const std::size_t texts = chances.size(), known = costs.decode().most_rows();
  if (!costs.decode().Covers(texts)) return std::vector<std::size_t>(texts);  // nothing to gain on
  if (auto more = Explore(chances, covered, room, costs)) return std::move(*more);
  const auto seconds = SureSeconds(costs);
  std::size_t most = known;
  while (most > texts && seconds(most) - seconds(texts) > covered) --most;
  return ChooseDepths(chances, std::min(room, most - texts), seconds);
}

// More rows than were measured may each cost a pass of their own. They are tried if they pay in the
// best case, and what they lose in the worst one, if guesses are right as often as they should be,
// is covered; at most twice as many as were measured, so that the next case is known.
std::optional<std::vector<std::size_t>> Speculation::Explore(const GuessChances& chances,
                                                             double covered, std::size_t room,
                                                             const RowCosts& costs) const {
  const std::size_t texts = chances.size(), known = costs.decode().most_rows();
  const auto seconds = SureSeconds(costs);
  const double alone = seconds(texts), stake = std::min(covered, DraftAccount::kMost * alone);
  for (std::size_t more = std::min(room + texts - std::min(room + texts, known), known); more > 0;
       more /= 2) {
    std::vector<std::size_t> depths = ChooseDepths(chances, known + more - texts, seconds);
    const std::size_t rows = std::accumulate(depths.begin(), depths.end(), texts);
    if (rows <= known) return std::nullopt;
    const double worst = seconds(known) + static_cast<double>(rows - known) * seconds(1);
    const double worth = ExpectedTokens(chances, depths) * alone / static_cast<double>(texts);
    if (worst - worth <= stake) return depths;
  }
  return std::nullopt;
}

void Speculation::Allot(std::span<ActiveRequest* const> texts, std::size_t room,
                        const RowCosts& costs) {
  if (!on() || texts.empty()) return;
  const GuessChances chances = ChancesOf(texts);
  const std::vector<std::size_t> depths =
      chooses_ ? Choose(chances, Covered(texts), room, costs) : AllDepths(chances, room);
  std::vector<std::int32_t> tokens;
  for (std::size_t t = 0; t < texts.size(); ++t) {
    texts[t]->Try(depths[t]);
    for (std::size_t i = 0; i < depths[t]; ++i) tokens.push_back(texts[t]->guesses()[i].token);
  }
  if (announce_) announce_(tokens);
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

// What each drafter's guesses saved in the last pass, and took: as rows of it, and to be made.
void Speculation::Judge(std::span<const PassText> texts, const RowCosts& costs) {
  std::size_t decoded = 0, all_tried = 0;
  for (const PassText& text : texts) {
    decoded += text.request->drawn().empty() ? 0 : 1;
    all_tried += text.request->tried();
  }
  const double alone = Seconds(costs, decoded);
  const double a_row = all_tried == 0 ? 0
                                      : (Seconds(costs, decoded + all_tried) - alone) /
                                            static_cast<double>(all_tried);
  for (std::size_t i = 0; i < drafters_.size(); ++i) {
    Asked& asked = drafters_[i];
    double saved = 0, spent = asked.costly ? asked.seconds.Seconds(asked.rows) : 0;
    for (const PassText& text : texts) {
      if (Of(text.request->id()).by != i) continue;
      spent += a_row * static_cast<double>(text.request->tried());
      if (decoded > 0)
        saved +=
            alone * static_cast<double>(text.request->accepted()) / static_cast<double>(decoded);
    }
    asked.account.Passed(alone, saved - spent);
  }
}

// That the drafter's first guess for the text is right; 0 if it may not be tried.
double Speculation::ChanceOf(const Learnt& learnt, std::size_t number) const {
  const Offer& offer = learnt.offers[number];
  const bool may = !chooses_ || drafters_[number].account.left() > 0;
  return may && !offer.guesses.empty() ? offer.acceptance.Chance(offer.guesses[0].evidence, 0) : 0;
}

// Guesses that are wanted of a drafter: none where an earlier one's leaves little to add; and where
// it is to be chosen how many are tried, few more than were.
std::size_t Speculation::Wanted(std::size_t number, const ActiveRequest& request) {
  const Learnt& learnt = Of(request.id());
  for (std::size_t i = 0; i < number; ++i)
    if (ChanceOf(learnt, i) >= kLikely) return 0;
  const std::size_t most = drafters_[number].most;
  return chooses_ ? std::min(most, 1 + 2 * request.tried()) : most;
}

// A costly drafter is shown no prompts before it has gained: they are most of the rows.
bool Speculation::Asks(const Asked& asked, const PassText& text) const {
  if (!asked.costly) return true;
  return asked.account.on() && (asked.account.pays() || !text.request->drawn().empty());
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
        text.request->ForDrafter(text.first_row, text.rows, Wanted(number, *text.request)));
    asked.rows += text.rows;
  }
  if (asking.empty()) return;
  const double begin = now_();
  const Status drafted = asked.drafter->Draft(asking);
  asked.failed = !drafted.ok() && drafted.error().code != Code::kExhausted;
  if (asked.failed) spdlog::warn("drafter_stopped error={}", Json(drafted.error().what).Dump());
  asked.seconds.Measured(asked.rows, now_() - begin);
  if (!drafted.ok()) return;
  for (std::size_t i = 0; i < ids.size(); ++i)
    Of(ids[i]).offers[number].guesses = std::move(asking[i].guesses);
}

void Speculation::Propose(const PassText& text) {
  Learnt& learnt = Of(text.request->id());
  for (std::size_t i = 0; i < drafters_.size(); ++i)
    if (ChanceOf(learnt, i) > ChanceOf(learnt, learnt.by)) learnt.by = i;
  text.request->Propose(learnt.offers[learnt.by].guesses, &scratch_);
}

void Speculation::Draft(std::span<const PassText> texts, const RowCosts& costs) {
  if (!on()) return;
  Learn(texts);
  if (chooses_) Judge(texts, costs);
  for (std::size_t i = 0; i < drafters_.size(); ++i) Ask(i, texts);
  for (const PassText& text : texts) Propose(text);
}

}  // namespace hadal::engine
