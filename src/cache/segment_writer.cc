#include "cache/segment_writer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/exceptions.h"
#include "base/units.h"
#include "cache/state_file.h"

namespace hadal::cache {
namespace {

std::string_view NoteOf(TokenSpan tokens) {
  return {reinterpret_cast<const char*>(tokens.data()), tokens.size_bytes()};
}

// What is common to the segments of one text.
class TextWriter {
 public:
  TextWriter(SegmentStore& store, const TextChain& chain, const std::string& model_name,
             TokenSpan text, const Sequence& state, std::uint64_t limit_bytes,
             WriterFigures* figures)
      : store_(store),
        chain_(chain),
        model_name_(model_name),
        text_(text),
        state_(state),
        limit_bytes_(limit_bytes),
        figures_(*figures) {}

  Status WritePages(std::uint64_t end) {
    const std::uint64_t begin = TextChain::Begin(end), tokens = end * arch::kPageTokens;
    const TokenSpan of =
        text_.subspan(begin * arch::kPageTokens, tokens - begin * arch::kPageTokens);
    return Put({.name = chain_.AtPage(end),
                .parent = chain_.AtPage(begin),
                .model = model_name_,
                .done = {.tokens = tokens}},
               {}, of, begin, end - begin);
  }
  Status WriteState() {
    const std::uint64_t tokens = state_.tokens(), page = tokens / arch::kPageTokens;
    const TokenSpan behind = text_.subspan(page * arch::kPageTokens, tokens % arch::kPageTokens);
    HADAL_TRY_STATUS(Put({.name = chain_.OfState(tokens),
                          .parent = chain_.AtPage(page),
                          .model = model_name_,
                          .state = true,
                          .done = {tokens, state_.state().mtp_tokens},
                          .earliest = state_.earliest(),
                          .behind = {behind.begin(), behind.end()}},
                         state_.state().fixed, behind, page, behind.empty() ? 0 : 1));
    ++figures_.states;
    return Unit{};
  }

 private:
  Status Put(Segment segment, std::span<const std::byte> fixed, TokenSpan tokens,
             std::uint64_t first_page, std::uint64_t pages) {
    const StateFileHeader header{.owner = segment.name.low,
                                 .done = segment.done,
                                 .earliest = segment.earliest,
                                 .fixed_bytes = fixed.size(),
                                 .page_bytes = state_.pool().layout().page_bytes,
                                 .pages = pages,
                                 .note_bytes = tokens.size_bytes()};
    segment.bytes = StateFileBytes(header);
    HADAL_TRY_STATUS(store_.Put(
        segment,
        [&](io::AtomicFile* file) {
          return WriteStateFile(header, fixed, NoteOf(tokens),
                                state_.state().pages.subspan(first_page, pages), file);
        },
        limit_bytes_));
    ++figures_.segments;
    figures_.bytes += segment.bytes;
    return Unit{};
  }

  SegmentStore& store_;
  const TextChain& chain_;
  const std::string& model_name_;
  const TokenSpan text_;
  const Sequence& state_;
  const std::uint64_t limit_bytes_;
  WriterFigures& figures_;
};

}  // namespace

Status WriteSegments(SegmentStore& store, const io::Digest& model, const std::string& model_name,
                     std::uint64_t scope, TokenSpan text, const Sequence& state,
                     std::uint64_t limit_bytes, WriterFigures* figures) {
  HADAL_CHECK(state.tokens() <= text.size());
  const TextChain chain(model, scope, text.first(state.tokens()));
  TextWriter writer(store, chain, model_name, text, state, limit_bytes, figures);
  std::vector<io::Digest> there;
  for (const std::uint64_t end : TextChain::Ends(chain.pages())) {
    HADAL_TRY(const std::optional<Segment> found, store.Find(chain.AtPage(end)));
    if (found)
      there.push_back(chain.AtPage(end));
    else
      HADAL_TRY_STATUS(writer.WritePages(end));
  }
  // If not, as where the disk is full until something goes, an order suffers, and not the state.
  if (!there.empty()) static_cast<void>(store.Touch(there));
  HADAL_TRY(const std::optional<Segment> found, store.Find(chain.OfState(state.tokens())));
  return found ? Status(Unit{}) : writer.WriteState();
}

std::uint64_t StoredBytes(const Sequence& state) {
  const auto segment = [&](std::uint64_t fixed_bytes, std::uint64_t pages, std::uint64_t tokens) {
    return StateFileBytes({.fixed_bytes = fixed_bytes,
                           .page_bytes = state.pool().layout().page_bytes,
                           .pages = pages,
                           .note_bytes = tokens * sizeof(std::int32_t)});
  };
  const std::uint64_t whole = state.tokens() / arch::kPageTokens;
  const std::uint64_t behind = state.tokens() % arch::kPageTokens;
  std::uint64_t bytes = segment(state.state().fixed.size(), behind > 0 ? 1 : 0, behind);
  for (const std::uint64_t end : TextChain::Ends(whole)) {
    const std::uint64_t pages = end - TextChain::Begin(end);
    bytes += segment(0, pages, pages * arch::kPageTokens);
  }
  return bytes;
}

// A state that goes back, for the MTP block's sake, stands for a token less than it was kept with:
// it may lie behind the page before, or behind the next.
Status TouchSegments(SegmentStore& store, const io::Digest& model, std::uint64_t scope,
                     TokenSpan text) {
  const TextChain chain(model, scope, text);
  std::vector<io::Digest> names;
  for (const std::uint64_t end : TextChain::Ends(chain.pages())) names.push_back(chain.AtPage(end));
  for (std::uint64_t page = chain.pages() - std::min<std::uint64_t>(chain.pages(), 1);
       page <= chain.pages(); ++page) {
    HADAL_TRY(const std::vector<Segment> states, store.StatesBehind(chain.AtPage(page)));
    for (const Segment& state : states)
      if (state.done.tokens + 1 >= text.size()) names.push_back(state.name);
  }
  return names.empty() ? Status(Unit{}) : store.Touch(names);
}

SegmentWriter::SegmentWriter(SegmentStore store, const io::Digest& model, std::string model_name,
                             std::uint64_t limit_bytes,
                             std::function<void(std::string_view)> on_note)
    : store_(std::move(store)),
      model_(model),
      model_name_(std::move(model_name)),
      limit_bytes_(limit_bytes),
      on_note_(std::move(on_note)) {
  store_.WaitForOthers(kIndexSeconds, &stop_);  // nobody waits for this thread but at the end
  thread_ = std::thread([this] { Loop(); });
}

SegmentWriter::~SegmentWriter() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    stopping_ = Stopwatch();
  }
  changed_.notify_all();
  thread_.join();
}

void SegmentWriter::Write(std::uint64_t scope, TokenSpan text,
                          std::shared_ptr<const Sequence> state) {
  Add({.scope = scope, .text = {text.begin(), text.end()}, .state = std::move(state)});
}

void SegmentWriter::Touch(std::vector<io::Digest> names) { Add({.used = std::move(names)}); }

void SegmentWriter::TouchText(std::uint64_t scope, TokenSpan text) {
  Add({.scope = scope, .text = {text.begin(), text.end()}});
}

void SegmentWriter::Add(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (job.state && waiting_states_ >= kMostWaiting) {
      ++figures_.skipped;
      return;
    }
    if (!job.state && jobs_.size() >= kMostWaiting + kMostTouches) return;
    waiting_states_ += job.state ? 1 : 0;
    jobs_.push_back(std::move(job));
  }
  changed_.notify_all();
}

void SegmentWriter::Skip() {
  const std::lock_guard lock(mutex_);
  ++figures_.skipped;
}

bool SegmentWriter::DropWaiting() {
  Job dropped;  // its memory is given back behind the lock
  const std::lock_guard lock(mutex_);
  const auto has_state = [](const Job& job) { return job.state != nullptr; };
  const auto newest = std::find_if(jobs_.rbegin(), jobs_.rend(), has_state);
  if (newest == jobs_.rend()) return false;
  dropped = std::move(*newest);
  jobs_.erase(std::next(newest).base());
  --waiting_states_;
  ++figures_.skipped;
  changed_.notify_all();  // it may have been the last
  return true;
}

void SegmentWriter::SkipAll() {
  figures_.skipped += waiting_states_;
  waiting_states_ = 0;
  jobs_.clear();
}

void SegmentWriter::Finish() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return jobs_.empty() && !working_; });
}

void SegmentWriter::FinishWithin(std::chrono::milliseconds longest) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, longest, [&] { return jobs_.empty() && !working_; });
}

WriterFigures SegmentWriter::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

void SegmentWriter::Loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stop_ || !jobs_.empty(); });
    if (stop_ && stopping_.seconds() > kEndSeconds) SkipAll();
    if (jobs_.empty()) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    working_ = true;
    WriterFigures figures = figures_;
    lock.unlock();
    const bool state = job.state != nullptr;
    const std::uint64_t skipped = figures.skipped;
    // What has no memory for a line goes without.
    static_cast<void>(Caught([&] { Do(job, &figures); }));
    job.state.reset();
    lock.lock();
    waiting_states_ -= state ? 1 : 0;
    figures.skipped += figures_.skipped - skipped;  // others count too
    figures_ = figures;
    working_ = false;
    changed_.notify_all();
  }
}

// A full disk may have room again; each state that is tried costs writing most of it.
bool SegmentWriter::MayBeWritten(const Sequence& state) {
  if (full_ && full_->seconds() < kPauseSeconds) return false;
  const std::uint64_t bytes = StoredBytes(state);
  if (bytes <= limit_bytes_) return true;
  if (!std::exchange(said_large_, true) && on_note_)
    on_note_(
        fmt::format("a state of {} tokens takes {} on disk, more than --cache-disk {}: such "
                    "states are not kept there",
                    state.tokens(), FormatBytes(bytes), FormatBytes(limit_bytes_)));
  return false;
}

void SegmentWriter::Do(const Job& job, WriterFigures* figures) {
  if (job.state && !MayBeWritten(*job.state)) {
    ++figures->skipped;
    return;
  }
  bool full = false;  // an exception, for want of memory, says nothing of the disk
  const Status done = Caught([&]() -> Status {
    if (!job.used.empty()) return store_.Touch(job.used);
    if (!job.state) return TouchSegments(store_, model_, job.scope, job.text);
    const Status written = WriteSegments(store_, model_, model_name_, job.scope, job.text,
                                         *job.state, limit_bytes_, figures);
    full = !written.ok() && written.error().code == Code::kExhausted;
    return written;
  });
  if (done.ok()) return;
  if (job.state) ++figures->failed;
  if (full) full_ = Stopwatch();
  // A line a minute: nobody need read it for every state.
  if (!on_note_ || (said_ && said_->seconds() < kPauseSeconds)) return;
  said_ = Stopwatch();
  on_note_(fmt::format(
      "{}; {}", done.error().what,
      job.state ? "what was read is not kept on disk" : "that it was used is not noted on disk"));
}

}  // namespace hadal::cache
