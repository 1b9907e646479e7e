// States of texts that outlive the run, in a folder that many runs share (cache/segment_store.h):
// found by a text's tokens, read back, and written behind.
//
// What is read back is, bit for bit, what was kept: names cover the model's digest
// (cache/model_digest.h), the scope and every token; a segment's own tokens are compared besides,
// and its checksums. One that is broken is dropped from the index, with a line, and the text is
// read as if it had not been there; one that cannot be read now stays, and one that was evicted
// meanwhile is no fault. One thread, but for the writer's own and Read.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/prefix_use.h"
#include "cache/reading_rate.h"
#include "cache/segment_store.h"
#include "cache/segment_writer.h"
#include "cache/text_chain.h"

namespace hadal::cache {

struct DiskOptions {
  std::uint64_t limit_bytes = 0;
  std::string model_name = {};                         // for people
  std::function<void(std::string_view)> on_note = {};  // lines; any thread
  bool even_if_slower = false;  // states are read back whatever it takes: for tests, measurements
  std::function<void()> before_reading = {};  // of a state, by who reads it: for tests
};

struct DiskFigures {
  std::uint64_t restored_states = 0, restored_tokens = 0, restored_bytes = 0;
  double restore_seconds = 0;
  std::array<std::uint64_t, kDiskOutcomes> outcomes = {};  // requests
  std::uint64_t broken = 0;                                // segments that were dropped for it
  std::uint64_t failed = 0;  // searches and restores that found no descriptor, no memory, no disk
  WriterFigures written = {};
};

class DiskPrefixes {
 public:
  static constexpr std::uint64_t kLeastTokens = arch::kPageTokens;  // shorter texts are not kept

  // kIo, kInvalid: the folder cannot be made, or is another's.
  static Result<std::unique_ptr<DiskPrefixes>> Open(SegmentStore reading, SegmentStore writing,
                                                    const io::Digest& model,
                                                    const arch::KvLayout& layout,
                                                    const DiskOptions& options);

  struct Match {
    std::optional<Segment> state = {};
    std::uint64_t usable = 0;                      // of the text's tokens, as PrefixTree::Match
    std::uint64_t bytes = 0, files = 0;            // to be read
    DiskOutcome outcome = DiskOutcome::kNotAsked;  // kRestored: it can be
  };
  // The state that can stand for most of the text's tokens, if for more than `known`.
  Match Find(std::uint64_t scope, TokenSpan text, std::uint64_t known);
  // What reading it will take (cache/reading_rate.h).
  double Seconds(const Match& match) const;
  // What became of a request's Find: once for each request, which may have asked several times.
  void Count(DiskOutcome outcome);
  // Of a Restore that gave this error.
  static DiskOutcome OutcomeOf(const Error& error);
  // kIo, kExhausted: the disk, descriptors or memory, now; it stays. kNotFound: it is gone. Any
  // other: it is broken, and was dropped.
  Result<Sequence> Restore(const Match& match, std::uint64_t scope, TokenSpan text,
                           const std::shared_ptr<Pool>& pool);
  // The same in two parts. Read: any thread, while this is used for anything else; kCancelled soon
  // after `cancel`. Restored counts it, and drops what is broken.
  struct ReadProgress {
    std::atomic<bool> cancel{false};
    std::atomic<std::uint64_t> bytes{0};  // that the state has of the pool so far
  };
  struct SegmentFile {
    io::Digest name = {};
    std::string stamp = {};  // SegmentStore::StampOf
  };
  struct Reading {
    Status status = Unit{};
    std::optional<Sequence> sequence = {};  // with an error: what had been taken for it
    SegmentFile last = {};                  // that was looked at
    std::vector<io::Digest> names = {};     // all that were
    double seconds = 0;
  };
  Reading Read(const Match& match, std::uint64_t scope, TokenSpan text,
               const std::shared_ptr<Pool>& pool, ReadProgress* progress) const;
  Result<Sequence> Restored(Reading reading, const Match& match);

  void Write(std::uint64_t scope, TokenSpan text, std::shared_ptr<const Sequence> state);
  // A state is not written: there was no memory for it. A line when that goes on.
  void Skip();
  // The newest state that waits to be written is not. False: none waits.
  bool DropWaiting() { return writer_.DropWaiting(); }
  // A text went on from memory with so many tokens: its states here were used too.
  void Used(std::uint64_t scope, TokenSpan text) { writer_.TouchText(scope, text); }
  void Finish() { writer_.Finish(); }
  void FinishWithin(std::chrono::milliseconds longest) { writer_.FinishWithin(longest); }
  DiskFigures figures() const;

 private:
  DiskPrefixes(SegmentStore reading, SegmentStore writing, const io::Digest& model,
               const arch::KvLayout& layout, const DiskOptions& options);
  // How many pages of the text are there from its beginning on, whole segments.
  Result<std::uint64_t> WholePages(const TextChain& chain);
  Result<Match> Search(const TextChain& chain, TokenSpan text, std::uint64_t known);
  void Consider(const Segment& state, std::uint64_t page, TokenSpan text, Match* best) const;
  Result<DiskOutcome> WhyNothing(const TextChain& chain);
  Result<bool> Measure(const TextChain& chain, Match* match);  // false: a part is gone meanwhile
  Status ReadPages(const io::Digest& name, std::uint64_t end, TokenSpan text,
                   Sequence* sequence) const;
  Status ReadState(const Match& match, TokenSpan text, Sequence* sequence) const;
  Status ReadAll(const Match& match, const TextChain& chain, TokenSpan text,
                 const std::shared_ptr<Pool>& pool, ReadProgress* progress, Reading* reading) const;
  void Passing(const Error& error);
  void Failed(const SegmentFile& file, const Error& error);

  SegmentStore store_;
  const io::Digest model_;
  const arch::KvLayout layout_;
  const DiskOptions options_;
  ReadingRate rate_;
  DiskFigures figures_;
  bool said_ = false;        // that something cannot be read now
  std::size_t skipped_ = 0;  // in a row
  bool said_skipped_ = false;
  SegmentWriter writer_;
};

}  // namespace hadal::cache
