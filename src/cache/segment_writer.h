// Writes states to a folder of segments, behind those who read texts: a thread of its own, which
// holds states that nobody changes, in a short queue. When the queue is full, a state is not
// written: nobody waits.
//
// Written are the segments of a text's pages that are not there yet, first pages first, and then
// the state behind them. Its end writes what waits, for kEndSeconds at most and
// the state that is being written then. Until then it waits kIndexSeconds for others who write to
// the index. Where the disk is full, nothing is tried for kPauseSeconds. A state that alone is more
// than the limit is not written.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "cache/segment_store.h"
#include "cache/text_chain.h"

namespace hadal::cache {

struct WriterFigures {
  std::uint64_t states = 0, segments = 0, bytes = 0;  // written
  // States that found the queue full, no memory or a full disk, gave way, were left at the end, or
  // are larger than the limit.
  std::uint64_t skipped = 0;
  std::uint64_t failed = 0;
};

// What lies there of a text of which one token more or less than all was used: its pages, and the
// states that begin behind its last whole one.
Status TouchSegments(SegmentStore& store, const io::Digest& model, std::uint64_t scope,
                     TokenSpan text);

// What its pages and the state itself take there.
std::uint64_t StoredBytes(const Sequence& state);

// Writes them now. The figures count what was written.
Status WriteSegments(SegmentStore& store, const io::Digest& model, const std::string& model_name,
                     std::uint64_t scope, TokenSpan text, const Sequence& state,
                     std::uint64_t limit_bytes, WriterFigures* figures);

class SegmentWriter {
 public:
  static constexpr std::size_t kMostWaiting = 8;   // states
  static constexpr std::size_t kMostTouches = 64;  // more of them are forgotten: an order suffers
  static constexpr double kEndSeconds = 10, kPauseSeconds = 60;
  static constexpr std::chrono::seconds kIndexSeconds{30};

  // on_note: lines for people; called from the thread.
  SegmentWriter(SegmentStore store, const io::Digest& model, std::string model_name,
                std::uint64_t limit_bytes, std::function<void(std::string_view)> on_note);
  ~SegmentWriter();

  // Any thread.
  // `state` has processed `text`.
  void Write(std::uint64_t scope, TokenSpan text, std::shared_ptr<const Sequence> state);
  void Skip();         // a state is not even given
  bool DropWaiting();  // the newest state that waits is not written; false: none waits
  void Touch(std::vector<io::Digest> names);  // were used
  // A state in memory of the text's tokens was used: what lies here of it stays as long as it.
  void TouchText(std::uint64_t scope, TokenSpan text);
  void Finish();                                         // returns when nothing waits
  void FinishWithin(std::chrono::milliseconds longest);  // or when the time is over
  WriterFigures figures() const;

 private:
  struct Job {
    std::uint64_t scope = 0;
    std::vector<std::int32_t> text = {};
    std::shared_ptr<const Sequence> state = {};  // null: the text, or `used`, was used
    std::vector<io::Digest> used = {};
  };
  void Add(Job job);
  void Loop();
  void Do(const Job& job, WriterFigures* figures);
  bool MayBeWritten(const Sequence& state);
  void SkipAll();  // the mutex is held

  SegmentStore store_;  // the thread's
  const io::Digest model_;
  const std::string model_name_;
  const std::uint64_t limit_bytes_;
  const std::function<void(std::string_view)> on_note_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  std::size_t waiting_states_ = 0;
  bool working_ = false;
  std::atomic<bool> stop_{false};
  Stopwatch stopping_;             // since stop_
  std::optional<Stopwatch> full_;  // since the disk was; the thread's
  std::optional<Stopwatch> said_;  // since a line said that something failed; the thread's
  bool said_large_ = false;        // that a state is larger than the limit; the thread's
  WriterFigures figures_;
  std::thread thread_;
};

}  // namespace hadal::cache
