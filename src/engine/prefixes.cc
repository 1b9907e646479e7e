#include "engine/prefixes.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace hadal::engine {
namespace {

constexpr std::uint64_t kPage = arch::kPageTokens;
constexpr std::uint64_t kEveryTokens = PrefixRules::kEveryPages * kPage;
constexpr double kAnything = std::numeric_limits<double>::infinity();

}  // namespace

Prefixes::Prefixes(const PrefixRules& rules, std::shared_ptr<cache::Pool> pool,
                   std::function<std::uint64_t()> free_bytes,
                   std::shared_ptr<cache::DiskPrefixes> disk,
                   std::function<double(std::size_t tokens)> prompt_seconds, ExpertLoan* loan)
    : rules_(rules),
      pool_(pool),
      free_bytes_(free_bytes),
      cache_(std::move(pool), std::move(free_bytes)),
      disk_(std::move(disk)),
      prompt_seconds_(std::move(prompt_seconds)),
      loan_(loan) {}

// What the request shares with the state that it goes on from is in the pool already. That state is
// the last to give way, and gives way to the request itself. With a state from disk it shares
// nothing.
bool Prefixes::Admit(ActiveRequest& next) {
  DropLeft();
  const bool asks = rules_.on && !next.sequence();
  cache::PrefixTree::Match match =
      asks ? cache_.Find(next.prefix_scope(), next.tokens()) : cache::PrefixTree::Match();
  bool whole = false;
  // What could not be admitted anyway costs nobody his prefix.
  const std::uint64_t wanted =
      next.promised_bytes() - std::min(next.state_bytes(), next.promised_bytes());
  const std::uint64_t lent = loan_ == nullptr ? 0 : loan_->lent_bytes();
  if (wanted > free_bytes_() + cache_.MostFreed() + lent) return false;
  cache::DiskPrefixes::Match found =
      asks ? OnDisk(next, match.usable) : cache::DiskPrefixes::Match();
  const cache::KeptState* spared = found.state ? nullptr : match.state;
  const std::uint64_t there = next.state_bytes() + (found.state ? 0 : cache_.SharedBytes(match));
  while (!whole && !Fits(next, there)) {
    if (GiveWay(spared)) continue;
    whole = spared != nullptr && cache::HeldOnce(spared->state) &&
            Fits(next, spared->state->own_bytes());
    if (!whole) return false;
  }
  if (found.state)
    reads_.push_back(std::make_unique<DiskRead>(next, disk_, std::move(found), pool_));
  else if (asks)
    GoOn(next, match, whole, found.outcome);
  return true;
}

void Prefixes::DropLeft() {
  std::erase_if(reads_, [](const auto& read) { return read->left() && read->done(); });
}

bool Prefixes::Fits(const ActiveRequest& next, std::uint64_t held) const {
  return next.promised_bytes() - std::min(held, next.promised_bytes()) <= free_bytes_();
}

bool Prefixes::IsReading(RequestId id) const {
  return std::ranges::find(reads_, id, &DiskRead::request) != reads_.end();
}

bool Prefixes::Restored(ActiveRequest& next) {
  const auto found = std::ranges::find(reads_, next.id(), &DiskRead::request);
  if (!(*found)->done()) return false;
  const std::unique_ptr<DiskRead> read = std::move(*found);
  reads_.erase(found);
  read->Finish();
  cache::PrefixTree::Match match = cache_.Find(next.prefix_scope(), next.tokens());
  if (!read->state()) {
    GoOn(next, match, false, read->match().outcome);
    return true;
  }
  match.usable = read->match().usable;
  match.common = std::max(match.common, match.usable);
  cache::PrefixUse use;
  cache_.CountRestored(match, next.tokens(), &use);
  if (loan_ != nullptr) loan_->LookedUp();
  use.disk = read->match().outcome;
  disk_->Count(use.disk);
  next.GoOnFrom(std::move(read->state()), use);
  return true;
}

void Prefixes::GoOn(ActiveRequest& next, const cache::PrefixTree::Match& match, bool whole,
                    cache::DiskOutcome outcome) {
  cache::PrefixUse use;
  auto state = cache_.Take(match, next.tokens(), whole, &use);
  if (loan_ != nullptr) loan_->LookedUp();
  use.disk = outcome;
  if (disk_ != nullptr) disk_->Count(outcome);
  if (disk_ != nullptr && use.cached > 0) {
    // Where it went back for the MTP block, the state was of a token more.
    const std::uint64_t of = std::min<std::uint64_t>(use.cached + 1, next.tokens().size());
    disk_->Used(next.prefix_scope(), next.tokens().first(of));
  }
  next.GoOnFrom(std::move(state), use);
}

std::uint64_t Prefixes::reading_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& read : reads_) bytes += read->left() ? 0 : read->bytes();
  return bytes;
}

std::uint64_t Prefixes::leaving_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& read : reads_) bytes += read->left() ? read->ahead_bytes() : 0;
  return bytes;
}

void Prefixes::WaitForDisk(std::chrono::milliseconds longest) {
  DropLeft();  // what is done already would be no wait
  if (!reads_.empty())
    reads_.front()->WaitFor(longest);
  else if (disk_ != nullptr)
    disk_->FinishWithin(longest);
}

bool Prefixes::GiveWay() { return GiveWay(nullptr); }

// A state that waits to be written is held until then. When none else is left, it is not written,
// and can be dropped.
bool Prefixes::GiveWay(const cache::KeptState* spared) {
  return DropLess(kAnything, spared) || (disk_ != nullptr && disk_->DropWaiting());
}

double Prefixes::Worth(const cache::StateWorth& worth) const {
  const double seconds = prompt_seconds_(worth.cost);
  if (seconds == 0) return std::numeric_limits<double>::max();  // nobody knows
  return loan_->Worth(seconds, worth.likelihood, worth.bytes);
}

bool Prefixes::DropLess(double than, const cache::KeptState* spared) {
  if (loan_ == nullptr) return cache_.DropLeast(spared);
  const auto state = cache_.LeastWorth(spared);
  const double of_state = state ? Worth(*state) : kAnything;
  const double of_expert = loan_->LeastWorth().value_or(kAnything);
  if (of_expert < std::min(of_state, than) && loan_->GiveBack()) return true;
  return of_state < than && cache_.DropLeast(spared);
}

void Prefixes::PassEnded() {
  if (loan_ == nullptr) return;
  loan_->PassEnded();
  const std::size_t wanted = loan_->wanted();
  if (wanted == 0) return;
  const double of_expert = loan_->LeastWorth().value_or(0);
  for (auto least = cache_.LeastWorth();
       least && free_bytes_() < loan_->slot_bytes() && Worth(*least) < of_expert;
       least = cache_.LeastWorth())
    cache_.DropLeast();
  const std::size_t free = free_bytes_() / loan_->slot_bytes();
  if (free > 0) loan_->Take(std::min(wanted, free));
}

cache::DiskPrefixes::Match Prefixes::OnDisk(const ActiveRequest& next, std::uint64_t known) {
  if (disk_ == nullptr) return {};
  if (found_.request != next.id() || found_.known != known)
    found_ = {next.id(), known, disk_->Find(next.prefix_scope(), next.tokens(), known)};
  const cache::DiskPrefixes::Match& found = found_.match;
  if (!found.state) return found;
  if (BytesToRead(found, *pool_) > next.promised_bytes())
    return {.outcome = cache::DiskOutcome::kFailed};
  const double reading = prompt_seconds_(found.usable - known);
  if (reading > 0 && disk_->Seconds(found) > reading)
    return {.outcome = cache::DiskOutcome::kSlower};
  return found;
}

// For others that begin like it, while it runs.
void Prefixes::Admitted(const ActiveRequest& request) {
  if (request.prefix().from_disk > 0 && request.sequence())
    cache_.Keep(request.prefix_scope(), request.tokens().first(request.position()),
                *request.sequence());
}

std::uint64_t Prefixes::NextKept(const ActiveRequest& request) const {
  const std::uint64_t at = request.position(), branch = Branch(request);
  const std::uint64_t next =
      rules_.pass_tokens > 0
          ? (at + std::max<std::uint64_t>(rules_.pass_tokens, kEveryTokens)) / kPage * kPage
          : (at / kEveryTokens + 1) * kEveryTokens;
  const std::uint64_t turn = NextTurn(request, at);
  return std::min({next, branch > at ? branch : next, turn > 0 ? turn : next});
}

// By the prompt alone, so that all that begin alike keep the same.
std::uint64_t Prefixes::NextTurn(const ActiveRequest& request, std::uint64_t at) const {
  if (rules_.pass_tokens > 0) return 0;
  const std::uint64_t apart = std::max<std::uint64_t>(
      PrefixRules::kTurnTokens, request.prompt_tokens() / PrefixRules::kMostTurns);
  std::uint64_t last = 0;
  for (const std::uint64_t end : request.turn_ends()) {
    if (end < last + apart) continue;
    if (end > at) return end;
    last = end;
  }
  return 0;
}

std::uint64_t Prefixes::Branch(const ActiveRequest& request) const {
  const cache::PrefixUse& use = request.prefix();
  const std::uint64_t least =
      rules_.pass_tokens > 0 ? kEveryTokens : cache::PrefixCache::kLeastTokens;
  return use.known >= use.cached + least ? use.known : 0;
}

std::size_t Prefixes::RowsUntilKept(const ActiveRequest& request) const {
  if (!rules_.on || !request.reads()) return std::numeric_limits<std::size_t>::max();
  return NextKept(request) - request.position();
}

// A sequence that has processed guesses is no state of the text.
void Prefixes::Keep(const ActiveRequest& request, bool with_windows) {
  const cache::Sequence& sequence = *request.sequence();
  if (sequence.tokens() != request.position()) return;
  const cache::TokenSpan text = request.tokens().first(sequence.tokens());
  if (loan_ != nullptr)
    if (const auto fresh = cache_.WorthOfNew(request.prefix_scope(), text, sequence))
      while (free_bytes_() < fresh->bytes && DropLess(Worth(*fresh))) {
      }
  auto kept = cache_.Keep(request.prefix_scope(), text, sequence);
  if (disk_ != nullptr && with_windows) Write(request, std::move(kept));
}

// What was not worth its place in memory has none from which it could be written.
void Prefixes::Write(const ActiveRequest& request, std::shared_ptr<const cache::Sequence> kept) {
  const std::uint64_t tokens = request.sequence()->tokens();
  const cache::PrefixUse& use = request.prefix();
  const bool from_there = use.from_disk > 0 && use.from_disk == tokens;
  if (from_there || tokens < cache::DiskPrefixes::kLeastTokens) return;
  if (kept == nullptr) return disk_->Skip();
  disk_->Write(request.prefix_scope(), request.tokens().first(tokens), std::move(kept));
}

void Prefixes::Advanced(const ActiveRequest& request) {
  if (!rules_.on) return;
  const std::uint64_t at = request.position();
  const std::uint64_t step = rules_.pass_tokens > 0 ? kPage : kEveryTokens;
  const bool marked = at == Branch(request) || at == request.prompt_tokens();
  if (!marked && at % step != 0 && (at == 0 || NextTurn(request, at - 1) != at)) return;
  const std::uint64_t windows = PrefixRules::kWindowsEveryPages * kPage;
  Keep(request, marked || rules_.full_windows || at % windows == 0);
}

void Prefixes::Ended(const ActiveRequest& request) {
  for (const auto& read : reads_)
    if (read->request() == request.id()) read->Leave();
  if (rules_.on && request.sequence() && !request.failed()) Keep(request, true);
}

std::optional<cache::DiskFigures> Prefixes::disk_figures() const {
  if (disk_ == nullptr) return std::nullopt;
  return disk_->figures();
}

}  // namespace hadal::engine
