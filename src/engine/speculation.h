// Speculative decoding of a scheduler: who guesses, how many guesses of each text a pass tries, and
// what became of them.
//
//   speculation.Allot(decoding, room, costs);   // before a pass: ActiveRequest::Try
//   ... the pass, the draws, ActiveRequest::Settle ...
//   speculation.Draft(texts, costs);            // behind it: ActiveRequest::Propose
//
// Texts do not depend on any of this, only their speed. With `auto`, a guess is tried where it
// makes tokens a second more: by how often such guesses were right, in this text and in others
// (engine/acceptance.h), and by what rows cost on this machine (engine/decode_costs.h). What is not
// known yet, and may lose, is found out where the drafter's account covers the loss
// (engine/draft_account.h): so all that `auto` loses is a share of the time, and less with every
// loss. Prompt lookup costs nothing to ask: what its guesses would have been worth is learnt from
// every token that comes, tried or not. The MTP block costs a layer and a head: it computes nothing
// until it is asked, and is asked while its account lasts.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/acceptance.h"
#include "engine/active_request.h"
#include "engine/decode_costs.h"
#include "engine/depth_choice.h"
#include "engine/draft_account.h"
#include "engine/drafter.h"
#include "engine/row_costs.h"
#include "model/forward.h"

namespace hadal::engine {

enum class Drafting { kOff, kLookup, kMtp, kAuto };
inline constexpr const char* kDraftingNames[] = {"off", "ngram", "mtp", "auto"};
inline const char* DraftingName(Drafting drafting) {
  return kDraftingNames[static_cast<std::size_t>(drafting)];
}
std::optional<Drafting> DraftingByName(std::string_view name);

struct SpeculateOptions {
  Drafting drafting = Drafting::kOff;
  // Guesses of a text in a pass, at most arch::kReturnTokens. Absent: 1 of the MTP block, which is
  // what it was trained for, and each costs a pass of the block and the head; 4 by lookup, with
  // kAuto as many as pay.
  std::optional<std::size_t> depth = {};
  // In place of `drafting`: a drafter that is tried to the full depth. For tests.
  std::function<std::unique_ptr<Drafter>()> drafter = {};
};
// kInvalid: a depth out of range, or the MTP block of a model that has none.
Status CheckSpeculate(const SpeculateOptions& options, const model::Model& model);

// Who guesses, in the order in which they are preferred.
struct DrafterPlan {
  Drafting by;          // kLookup or kMtp; kOff: the options' own drafter
  std::size_t most;     // guesses of a text in a pass
  bool costly = false;  // asked while that may pay
};
std::vector<DrafterPlan> PlanDrafters(const SpeculateOptions& options, bool has_mtp);
std::size_t MostGuesses(const SpeculateOptions& options);  // of a text in a pass

// A drafter, and what is known of it.
struct Asked {
  std::unique_ptr<Drafter> drafter;
  std::size_t most = 0;  // guesses of a text
  bool costly = false;
  bool failed = false;  // and is not asked again
  Acceptance acceptance = {};
  DraftAccount account = {};
  DecodeCosts seconds = DecodeCosts();  // of being asked, by the number of rows that it follows
  std::size_t rows = 0;                 // that it followed the last time; 0: it was not asked
};

class Speculation {
 public:
  // Model and forward pass outlive it.
  Speculation(const SpeculateOptions& options, const model::Model& model, model::Forward& forward);
  // Of any drafters, by any clock, in seconds.
  Speculation(std::vector<Asked> drafters, bool chooses, std::function<double()> now);

  bool on() const { return !drafters_.empty(); }
  // What rows of a pass are expected to cost in proportion (DecodeCosts); empty if nothing is
  // known, or wanted.
  static std::vector<double> ExpectedCosts(const SpeculateOptions& options,
                                           const model::Model& model);

  // Says how many guesses each of the texts, which all decode, tries in the next pass: at most
  // `room` together.
  void Allot(std::span<ActiveRequest* const> texts, std::size_t room, const RowCosts& costs);

  // Guesses for the next pass. Rows of the last one, of texts that go on.
  struct PassText {
    ActiveRequest* request;
    std::size_t first_row, rows;
  };
  void Draft(std::span<const PassText> texts, const RowCosts& costs);
  void Forget(RequestId id) { learnt_.erase(id); }
  void ForgetAll() noexcept { learnt_.clear(); }

 private:
  struct Offer {  // of one drafter to one text
    Acceptance acceptance;
    std::vector<Guess> guesses = {};  // all of them, tried or not
  };
  struct Learnt {
    std::vector<Offer> offers;  // by drafter
    std::size_t by = 0;         // whose guesses the text has proposed
  };
  Learnt& Of(RequestId id);
  double ChanceOf(const Learnt& learnt, std::size_t number) const;
  GuessChances ChancesOf(std::span<ActiveRequest* const> texts);
  std::vector<std::size_t> Choose(const GuessChances& chances, double covered, std::size_t room,
                                  const RowCosts& costs) const;
  std::optional<std::vector<std::size_t>> Explore(const GuessChances& chances, double covered,
                                                  std::size_t room, const RowCosts& costs) const;
  double Covered(std::span<ActiveRequest* const> texts);
  void Learn(std::span<const PassText> texts);
  void Judge(std::span<const PassText> texts, const RowCosts& costs);
  void Ask(std::size_t number, std::span<const PassText> texts);
  bool Asks(const Asked& asked, const PassText& text) const;
  std::size_t Wanted(std::size_t number, const ActiveRequest& request);
  void Propose(const PassText& text);

  std::vector<Asked> drafters_;  // earlier ones' guesses are preferred
  const bool chooses_;           // else all guesses are tried
  const std::function<double()> now_;
  std::function<void(std::span<const std::int32_t>)> announce_;  // what is tried; may be empty
  std::unordered_map<RequestId, Learnt> learnt_;
  SampleScratch scratch_;
};

}  // namespace hadal::engine
