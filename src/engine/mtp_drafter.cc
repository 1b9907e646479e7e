#include "engine/mtp_drafter.h"

#include <algorithm>

#include "arch/layer_kind.h"

namespace hadal::engine {
namespace {

// A class for how probable the block's guess is, by itself; guesses behind guesses have their own.
Evidence EvidenceOfProbability(double probability, bool first) {
  constexpr double kBegins[] = {0.3, 0.6, 0.9};
  const auto step = std::ranges::upper_bound(kBegins, probability) - kBegins;
  return static_cast<Evidence>(step + (first ? 0 : 4));
}

// For the block's next entry, behind all that it has.
bool HasRoomAhead(cache::Sequence* sequence) {
  const std::uint64_t entries = sequence->state().mtp_tokens + 1;
  return sequence->Reserve(static_cast<std::size_t>(entries - sequence->tokens())).ok();
}

}  // namespace

MtpDrafter::MtpDrafter(model::Forward& forward, const arch::Config& config)
    : forward_(forward),
      window_(arch::LayerKindOf(config, config.num_hidden_layers).window ? config.sliding_window
                                                                         : 0),
      logits_(config.vocab_size) {}

// The last ones of the pass: all, or what of a prompt the window still holds at its end.
std::size_t MtpDrafter::RowsToFollow(const DraftText& text) const {
  const std::size_t unread = text.tokens.size() - text.sequence->tokens();
  if (window_ == 0) return text.rows;
  return std::min(text.rows, unread < window_ ? window_ - unread : 0);
}

Status MtpDrafter::Follow(std::span<DraftText> texts, std::vector<Guessing>* guessing) {
  std::vector<model::MtpChunk> chunks;
  std::vector<std::size_t> last_rows;
  std::size_t row = 0;
  for (DraftText& text : texts) {
    const std::size_t rows = RowsToFollow(text);
    if (rows == 0) continue;
    model::SequenceState& state = text.sequence->state();
    const std::uint64_t from = state.tokens - rows;
    if (from > state.mtp_tokens) state.mtp_first = from;  // behind a gap
    state.mtp_tokens = from;
    chunks.push_back({&state, text.first_row + text.rows - rows,
                      text.tokens.subspan(state.mtp_tokens + 1, rows)});
    row += rows;
    if (text.most == 0) continue;
    last_rows.push_back(row - 1);
    guessing->push_back({&text, state.tokens});
  }
  if (chunks.empty()) return Unit{};
  HADAL_TRY_STATUS(forward_.RunMtp(chunks));
  forward_.KeepMtpRows(last_rows);
  return Unit{};
}

// Whoever has no guess, or enough of them, or no memory for another, leaves.
void MtpDrafter::GuessOnce(std::vector<Guessing>* guessing) {
  std::vector<std::size_t> stay;
  std::vector<Guessing> left;
  for (std::size_t row = 0; row < guessing->size(); ++row) {
    DraftText& text = *(*guessing)[row].text;
    forward_.MtpLogits(row, logits_);
    const auto choice = text.outlook.Draw(logits_, &scratch_);
    if (!choice || !text.outlook.Take(choice->token, &scratch_)) continue;
    text.guesses.push_back(
        {.token = choice->token,
         .evidence = EvidenceOfProbability(choice->probability, text.guesses.empty())});
    if (text.guesses.size() == text.most || !HasRoomAhead(text.sequence)) continue;
    stay.push_back(row);
    left.push_back((*guessing)[row]);
  }
  forward_.KeepMtpRows(stay);
  *guessing = std::move(left);
}

Status MtpDrafter::GoOn(std::span<Guessing> guessing) {
  std::vector<model::SequenceState*> states;
  std::vector<std::int32_t> tokens;
  for (const Guessing& g : guessing) {
    states.push_back(&g.text->sequence->state());
    tokens.push_back(g.text->guesses.back().token);
  }
  return forward_.RunMtpOn(states, tokens);
}

Status MtpDrafter::Draft(std::span<DraftText> texts) {
  std::vector<Guessing> guessing;
  HADAL_TRY_STATUS(Follow(texts, &guessing));
  const std::vector<Guessing> all = guessing;
  Status status = Unit{};
  while (!guessing.empty() && status.ok()) {
    GuessOnce(&guessing);
    if (!guessing.empty()) status = GoOn(guessing);
  }
  for (const Guessing& g : all) {
    const Status back = g.text->sequence->Truncate(g.text->sequence->tokens(), g.true_tokens);
    if (status.ok()) status = back;
  }
  return status;
}

}  // namespace hadal::engine
