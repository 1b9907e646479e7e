#include "cache/disk_prefixes.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "base/exceptions.h"
#include "cache/state_file.h"

namespace hadal::cache {
namespace {

constexpr std::size_t kSkippedInARow = 32;  // states, behind which it is said
constexpr std::uint64_t kMostNoteBytes = kSegmentPages * arch::kPageTokens * sizeof(std::int32_t);

std::vector<std::int32_t> TokensOf(std::string_view note) {
  std::vector<std::int32_t> tokens(note.size() / sizeof(std::int32_t));
  if (!tokens.empty())
    std::memcpy(tokens.data(), note.data(), tokens.size() * sizeof(std::int32_t));
  return tokens;
}

// The file may be as good as ever: descriptors, memory or the disk were not to be had.
bool IsPassing(const Error& error) {
  return error.code == Code::kIo || error.code == Code::kExhausted ||
         error.code == Code::kCancelled;
}

// An entry of the MTP block is made of the token behind its own too. In a ring it goes with the
// state; in pages the last one of a segment belongs to whichever text was written first, and is not
// this one's.
bool MtpInPages(const arch::KvLayout& layout) {
  return std::ranges::any_of(layout.layers, [](const arch::LayerLayout& layer) {
    return layer.mtp && layer.page_entries > 0;
  });
}

Error NotThis(const StateFileReader& reader) {
  return Fail(Code::kCorrupt, "{}: found another part of a text than its name says", reader.path());
}

}  // namespace

DiskPrefixes::DiskPrefixes(SegmentStore reading, SegmentStore writing, const io::Digest& model,
                           const arch::KvLayout& layout, const DiskOptions& options)
    : store_(std::move(reading)),
      model_(model),
      layout_(layout),
      options_(options),
      writer_(std::move(writing), model, options.model_name, options.limit_bytes, options.on_note) {
}

Result<std::unique_ptr<DiskPrefixes>> DiskPrefixes::Open(SegmentStore reading, SegmentStore writing,
                                                         const io::Digest& model,
                                                         const arch::KvLayout& layout,
                                                         const DiskOptions& options) {
  // Another program may be writing for long: what is too much goes with the next that is written.
  for (const auto& tidied : {reading.RemoveLitter(), reading.Shrink(options.limit_bytes)})
    if (!tidied.ok() && options.on_note)
      options.on_note(tidied.error().what + "; it is used as it is");
  return std::unique_ptr<DiskPrefixes>(
      new DiskPrefixes(std::move(reading), std::move(writing), model, layout, options));
}

Result<std::uint64_t> DiskPrefixes::WholePages(const TextChain& chain) {
  std::uint64_t pages = 0;
  for (; pages + kSegmentPages <= chain.pages(); pages += kSegmentPages) {
    HADAL_TRY(const std::optional<Segment> found, store_.Find(chain.AtPage(pages + kSegmentPages)));
    if (!found) break;
  }
  return pages;
}

// As PrefixTree's search: the last token is read for its logits, and with the MTP block's entries
// one more.
void DiskPrefixes::Consider(const Segment& state, std::uint64_t page, TokenSpan text,
                            Match* best) const {
  const std::uint64_t begin = page * arch::kPageTokens;
  // Less than a page lies behind a page, whatever an index says that others may have written.
  if (!state.state || state.behind.size() >= arch::kPageTokens || begin > text.size() ||
      state.done.tokens != begin + state.behind.size())
    return;
  std::uint64_t usable = std::min<std::uint64_t>(
      begin + CommonLength(state.behind, text.subspan(begin)), text.size() - 1);
  if (usable > 0 && state.done.mtp_tokens > 0) --usable;
  if (usable < state.done.tokens && usable < state.earliest.tokens) return;
  const bool shorter =
      best->state && usable == best->usable && state.done.tokens < best->state->done.tokens;
  if (usable <= best->usable && !shorter) return;
  best->state = state;
  best->usable = usable;
}

DiskPrefixes::Match DiskPrefixes::Find(std::uint64_t scope, TokenSpan text, std::uint64_t known) {
  auto found = Search(TextChain(model_, scope, text), text, known);
  if (found.ok()) return std::move(*found);
  Passing(found.error());
  return {.outcome = DiskOutcome::kFailed};
}

Result<DiskPrefixes::Match> DiskPrefixes::Search(const TextChain& chain, TokenSpan text,
                                                 std::uint64_t known) {
  HADAL_TRY(const std::uint64_t whole, WholePages(chain));
  Match best{.usable = known};
  for (std::uint64_t page = std::min(chain.pages(), whole + kSegmentPages - 1) + 1; page-- > 0;) {
    if ((page + 1) * arch::kPageTokens <= best.usable) break;  // none there can stand for more
    if (page > whole) {
      HADAL_TRY(const std::optional<Segment> found, store_.Find(chain.AtPage(page)));
      if (!found) continue;
    }
    HADAL_TRY(const std::vector<Segment> states, store_.StatesBehind(chain.AtPage(page)));
    for (const Segment& state : states) Consider(state, page, text, &best);
  }
  if (best.state) {
    HADAL_TRY(const bool whole_text, Measure(chain, &best));
    best.outcome = DiskOutcome::kRestored;
    if (whole_text) return best;
  }
  HADAL_TRY(const DiskOutcome outcome, WhyNothing(chain));
  return Match{.outcome = outcome};
}

// What begins a text of this model and scope lies behind what has none in front of it.
Result<DiskOutcome> DiskPrefixes::WhyNothing(const TextChain& chain) {
  HADAL_TRY(const bool some, store_.HasBehind(chain.AtPage(0)));
  if (some) return DiskOutcome::kNothing;
  HADAL_TRY(const bool empty, store_.IsEmpty());
  return empty ? DiskOutcome::kNothing : DiskOutcome::kOtherModel;
}

// A rate that was low once rises with what is passed over for it.
void DiskPrefixes::Count(DiskOutcome outcome) {
  ++figures_.outcomes[static_cast<std::size_t>(outcome)];
  if (outcome == DiskOutcome::kSlower) rate_.PassedOver();
}

DiskOutcome DiskPrefixes::OutcomeOf(const Error& error) {
  if (error.code == Code::kNotFound) return DiskOutcome::kGone;
  return IsPassing(error) ? DiskOutcome::kFailed : DiskOutcome::kBroken;
}

Result<bool> DiskPrefixes::Measure(const TextChain& chain, Match* match) {
  match->bytes = match->state->bytes;
  match->files = 1;
  for (const std::uint64_t end : TextChain::Ends(match->state->done.tokens / arch::kPageTokens)) {
    HADAL_TRY(const std::optional<Segment> segment, store_.Find(chain.AtPage(end)));
    if (!segment) return false;
    match->bytes += segment->bytes;
    ++match->files;
  }
  return true;
}

double DiskPrefixes::Seconds(const Match& match) const {
  return options_.even_if_slower ? 0 : rate_.Seconds(match.bytes, match.files);
}

Status DiskPrefixes::ReadPages(const io::Digest& name, std::uint64_t end, TokenSpan text,
                               Sequence* sequence) const {
  HADAL_TRY(StateFileReader reader,
            StateFileReader::Open(store_.PathOf(name), name.low, layout_, false));
  const std::uint64_t begin = TextChain::Begin(end), first = begin * arch::kPageTokens;
  const std::uint64_t tokens = end * arch::kPageTokens;
  const StateFileHeader& header = reader.header();
  if (header.done.tokens != tokens || header.pages != end - begin || header.fixed_bytes != 0 ||
      header.note_bytes > kMostNoteBytes)
    return NotThis(reader);
  HADAL_TRY_STATUS(reader.ReadFixed({}));
  HADAL_TRY(const std::string note, reader.ReadNote(kMostNoteBytes));
  if (!std::ranges::equal(TokensOf(note), text.subspan(first, tokens - first)))
    return NotThis(reader);
  for (std::uint64_t p = begin; p < end; ++p)
    HADAL_TRY_STATUS(reader.ReadPage({sequence->state().pages[p], layout_.page_bytes}));
  return Unit{};
}

Status DiskPrefixes::ReadState(const Match& match, TokenSpan text, Sequence* sequence) const {
  const Segment& wanted = *match.state;
  HADAL_TRY(StateFileReader reader,
            StateFileReader::Open(store_.PathOf(wanted.name), wanted.name.low, layout_, false));
  const StateFileHeader& header = reader.header();
  const std::uint64_t page = wanted.done.tokens / arch::kPageTokens;
  const std::uint64_t begin = page * arch::kPageTokens;
  const std::uint64_t pages = wanted.done.tokens > begin ? 1 : 0;
  if (header.done.tokens != wanted.done.tokens || header.pages != pages ||
      header.fixed_bytes != layout_.fixed_bytes || header.earliest.tokens > match.usable ||
      header.note_bytes > kMostNoteBytes)
    return NotThis(reader);
  model::SequenceState& state = sequence->state();
  HADAL_TRY_STATUS(reader.ReadFixed(state.fixed));
  HADAL_TRY(const std::string note, reader.ReadNote(kMostNoteBytes));
  const std::vector<std::int32_t> behind = TokensOf(note);
  if (behind.size() != wanted.done.tokens - begin ||
      begin + CommonLength(behind, text.subspan(begin)) < match.usable)
    return NotThis(reader);
  if (pages > 0) HADAL_TRY_STATUS(reader.ReadPage({state.pages[page], layout_.page_bytes}));
  state.tokens = header.done.tokens;
  // Else it is as of a sequence that the block has not followed (Sequence::BranchAt).
  if (!MtpInPages(layout_)) {
    state.mtp_tokens = header.done.mtp_tokens;
    sequence->set_earliest(header.earliest);
  } else {
    sequence->set_earliest({.tokens = header.earliest.tokens});
  }
  return Unit{};
}

Status DiskPrefixes::ReadAll(const Match& match, const TextChain& chain, TokenSpan text,
                             const std::shared_ptr<Pool>& pool, ReadProgress* progress,
                             Reading* reading) const {
  HADAL_TRY(reading->sequence, Sequence::Create(pool));
  Sequence& sequence = *reading->sequence;
  const auto reserve = [&](std::uint64_t tokens) {
    const Status reserved = sequence.Reserve(tokens);
    progress->bytes = sequence.bytes();
    return reserved;
  };
  const auto look_at = [&](const io::Digest& name) {
    reading->last = {name, store_.StampOf(name)};
    reading->names.push_back(name);
  };
  const std::uint64_t tokens = match.state->done.tokens;
  for (const std::uint64_t end : TextChain::Ends(tokens / arch::kPageTokens)) {
    if (progress->cancel.load(std::memory_order_relaxed))
      return Fail(Code::kCancelled, "{}: stopped while a state was read", store_.folder());
    HADAL_TRY_STATUS(reserve(end * arch::kPageTokens));
    look_at(chain.AtPage(end));
    HADAL_TRY_STATUS(ReadPages(chain.AtPage(end), end, text, &sequence));
  }
  HADAL_TRY_STATUS(reserve(tokens));
  look_at(match.state->name);
  return ReadState(match, text, &sequence);
}

// One line: whoever has no descriptors left need not read it for every text. None where memory of
// the pool is wanted by others, which is how it is meant.
void DiskPrefixes::Passing(const Error& error) {
  ++figures_.failed;
  if (error.code == Code::kIo && !std::exchange(said_, true) && options_.on_note)
    options_.on_note(error.what + "; it stays, and its text is read again");
}

void DiskPrefixes::Failed(const SegmentFile& file, const Error& error) {
  if (IsPassing(error)) return Passing(error);
  const Result<bool> dropped = store_.Drop(file.name, file.stamp);
  if (dropped.ok() && !*dropped) return;
  ++figures_.broken;
  if (options_.on_note)
    options_.on_note(fmt::format("{}; {}, and its text is read again", error.what,
                                 dropped.ok() ? "it is removed" : "it cannot be removed"));
}

Result<Sequence> DiskPrefixes::Restore(const Match& match, std::uint64_t scope, TokenSpan text,
                                       const std::shared_ptr<Pool>& pool) {
  ReadProgress progress;
  return Restored(Read(match, scope, text, pool, &progress), match);
}

DiskPrefixes::Reading DiskPrefixes::Read(const Match& match, std::uint64_t scope, TokenSpan text,
                                         const std::shared_ptr<Pool>& pool,
                                         ReadProgress* progress) const {
  const Stopwatch clock;
  Reading reading;
  reading.status = Caught([&] {
    if (options_.before_reading) options_.before_reading();
    return ReadAll(match, TextChain(model_, scope, text), text, pool, progress, &reading);
  });
  reading.seconds = clock.seconds();
  return reading;
}

Result<Sequence> DiskPrefixes::Restored(Reading reading, const Match& match) {
  if (reading.status.ok()) reading.status = reading.sequence->BranchAt(match.usable);
  if (!reading.status.ok()) {
    Failed(reading.last, reading.status.error());
    return reading.status.error();
  }
  const double seconds = reading.seconds;
  rate_.Read(match.bytes, match.files, seconds);
  ++figures_.restored_states;
  figures_.restored_tokens += match.usable;
  figures_.restored_bytes += match.bytes;
  figures_.restore_seconds += seconds;
  writer_.Touch(std::move(reading.names));
  return std::move(*reading.sequence);
}

void DiskPrefixes::Write(std::uint64_t scope, TokenSpan text,
                         std::shared_ptr<const Sequence> state) {
  skipped_ = 0;
  writer_.Write(scope, text, std::move(state));
}

void DiskPrefixes::Skip() {
  writer_.Skip();
  if (++skipped_ < kSkippedInARow || std::exchange(said_skipped_, true) || !options_.on_note)
    return;
  options_.on_note(
      fmt::format("{}: the last {} states found no memory and are not kept there; "
                  "--cache-ram gives them more",
                  store_.folder(), skipped_));
}

DiskFigures DiskPrefixes::figures() const {
  DiskFigures figures = figures_;
  figures.written = writer_.figures();
  return figures;
}

}  // namespace hadal::cache
