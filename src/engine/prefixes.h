// How a scheduler's requests use a cache of prefixes (cache/prefix_cache.h): what they go on from,
// when states of theirs are kept, and that the cache gives way to them.
//
// A request that brings no state goes on from the longest one that is kept of its text. While its
// prompt is read, states of it are kept
//   every kEveryPages pages, at their ends, for texts that differ in the middle;
//   where a turn has ended that the model replied to (Request::turn_ends), for conversations that
//   come whole and are edited in the middle: where turns are short at every kTurnTokens, and at
//   most kMostTurns of a prompt, the longer it is the farther apart;
//   where its text leaves one that was known (a branch): others will leave there too; if enough is
//   read before it;
//   at the prompt's end, before anything is generated: the next prompt of a conversation drops the
//     reasoning that comes now;
// and when the request ends, at the text's end. A pass ends where a state is to be kept; where
// each pass costs a reading of all experts from disk (PrefixRules::pass_tokens), seldom anywhere
// else than it would have ended, and not for turns. Off, the cache is empty, and nothing is asked
// or kept. The stepping thread's.
//
// States may outlive the run on disk (cache/disk_prefixes.h). What is kept is written behind, of
// the states along a prompt, turns' too, only those at every kWindowsEveryPages-th page end (or
// all, with full_windows): a state's windows and tails are as large as thousands of tokens' pages,
// and from a nearer one less is read again. A request goes on from disk where a longer state lies
// there than in memory, and reading it takes less time than reading the tokens between would: by
// the bytes a second of those read before, and the rows a second of the passes so far; as long as
// no pass has been measured, always. The request has its place and its memory then, and a thread
// reads the state into it, while all others go on.
//
// What is kept in memory is what is written: the writer holds it, and until it is written it cannot
// give way. States that wait to be written do so last, those that are being written never.
//
// Of a model whose experts stay on disk, what no state is worth is on loan to them
// (engine/expert_loan.h), and is given back as states and requests want it.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "cache/disk_prefixes.h"
#include "cache/prefix_cache.h"
#include "engine/active_request.h"
#include "engine/disk_read.h"
#include "engine/expert_loan.h"

namespace hadal::engine {

// When states of a prompt are kept while it is read.
struct PrefixRules {
  static constexpr std::uint64_t kEveryPages = 8;
  static constexpr std::uint64_t kTurnTokens = 256, kMostTurns = 64;

  bool on = false;
  // Of passes that are worth being as long as they can: states lie at the page ends next to their
  // ends, and a branch ends one where kEveryPages are read before it. 0: the text's own places.
  std::size_t pass_tokens = 0;

  static constexpr std::uint64_t kWindowsEveryPages = 64;
  bool full_windows = false;  // on disk, of every state that is kept
};

class Prefixes {
 public:
  // free_bytes: of the pool, what neither is promised to running requests nor held by anybody.
  // prompt_seconds: what reading so many tokens of a prompt will take; 0: not known. Disk null:
  // nothing outlives the run. Loan, null: experts are in nobody's way.
  Prefixes(const PrefixRules& rules, std::shared_ptr<cache::Pool> pool,
           std::function<std::uint64_t()> free_bytes,
           std::shared_ptr<cache::DiskPrefixes> disk = nullptr,
           std::function<double(std::size_t tokens)> prompt_seconds = {},
           ExpertLoan* loan = nullptr);

  // Whether there is room for what the request was promised, with the state that it goes on from;
  // what is kept gives way. True: it has that state now, or it is being read.
  bool Admit(ActiveRequest& next);
  // Whether a state is being read for it: it can do nothing yet.
  bool IsReading(RequestId id) const;
  // Of such a one. True: that has ended, and it has the state, or another, or none.
  bool Restored(ActiveRequest& next);
  // That states which are being read have of the pool, for requests that are still there; and what
  // is still taken for those that have gone, for a while.
  std::uint64_t reading_bytes() const;
  std::uint64_t leaving_bytes() const;
  // Until a state has been read or written, or the time is over: where nothing else is to be done.
  void WaitForDisk(std::chrono::milliseconds longest);
  // It has its memory now, and its state.
  void Admitted(const ActiveRequest& request);
  // Rows of the request's next pass until a state of it is to be kept.
  std::size_t RowsUntilKept(const ActiveRequest& request) const;
  // A pass has read of the request's prompt, or the request has ended: its state is kept if it is
  // time. One that is being read for it is left.
  void Advanced(const ActiveRequest& request);
  void Ended(const ActiveRequest& request);
  // Memory that a request was promised is not there. False: nothing more can give way.
  bool GiveWay();
  // Between passes: experts have what no state is worth.
  void PassEnded();

  void Clear() noexcept {
    reads_.clear();
    cache_.Clear();
  }

  cache::PrefixFigures figures() const { return cache_.figures(); }
  std::optional<cache::DiskFigures> disk_figures() const;

 private:
  std::uint64_t NextKept(const ActiveRequest& request) const;  // position
  std::uint64_t Branch(const ActiveRequest& request) const;    // position; 0: none worth a state
  // The first turn's end behind `at` that is kept; 0: there is none.
  std::uint64_t NextTurn(const ActiveRequest& request, std::uint64_t at) const;
  void Keep(const ActiveRequest& request, bool with_windows);
  void Write(const ActiveRequest& request, std::shared_ptr<const cache::Sequence> kept);
  bool GiveWay(const cache::KeptState* spared);
  // The less valuable of states and of experts on loan goes, unless it is worth as much as `than`.
  bool DropLess(double than, const cache::KeptState* spared = nullptr);
  double Worth(const cache::StateWorth& worth) const;  // of a loan's measure
  void DropLeft();  // reads that nobody waits for, once they are done
  // A state that is worth being read, if there is one. Who waits is looked for once, not each time
  // that he is asked whether there is room for him.
  cache::DiskPrefixes::Match OnDisk(const ActiveRequest& next, std::uint64_t known);
  // Whether what the request was promised is free, but for what is held for it.
  bool Fits(const ActiveRequest& next, std::uint64_t held) const;
  // From the match in memory; outcome: of the disk.
  void GoOn(ActiveRequest& next, const cache::PrefixTree::Match& match, bool whole,
            cache::DiskOutcome outcome);

  const PrefixRules rules_;
  std::shared_ptr<cache::Pool> pool_;
  std::function<std::uint64_t()> free_bytes_;
  cache::PrefixCache cache_;
  std::shared_ptr<cache::DiskPrefixes> disk_;
  std::function<double(std::size_t tokens)> prompt_seconds_;
  ExpertLoan* loan_;
  struct {
    RequestId request = 0;
    std::uint64_t known = 0;
    cache::DiskPrefixes::Match match = {};
  } found_;  // on disk, for the request that was asked last
  std::vector<std::unique_ptr<DiskRead>> reads_;
};

}  // namespace hadal::engine
