// A folder with parts of states that outlive a run: a file for each, named by a digest of what it
// belongs to, and an index of them in SQLite. Shared by any number of processes.
//
//   DIR/index.db                       names, sizes, what lies behind what, when it was last used
//   DIR/segments/ab/abcdef...          32 digits; cache/state_file.h
//
// What the index names is whole: a file is written beside its place and renamed, and only then
// named, both under the index's write lock; and it is taken from the index before it is removed. A
// kill at any moment leaves files that nobody names: litter, which the next one to open the folder
// removes under the same lock. Folder and files are their owner's alone. A folder where nothing may
// be written is read as it stands. A segment lies behind
// another, its parent; of those that nothing lies behind, the one that was used longest ago goes
// first.
//
// One thread for each store; as many stores of a folder as wanted.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "cache/sequence.h"
#include "io/database.h"
#include "io/digest.h"
#include "io/file.h"

namespace hadal::cache {

struct Segment {
  io::Digest name;
  io::Digest parent;       // need not be there
  std::string model = {};  // whose states, for people
  bool state = false;      // a fixed block; else whole pages
  Progress done = {}, earliest = {};
  std::vector<std::int32_t> behind = {};  // of a state: its tokens behind the last whole page
  std::uint64_t bytes = 0;                // of the file
  std::int64_t used_ms = 0;               // since 1970
};

struct StoreTotals {
  std::uint64_t segments = 0, states = 0, bytes = 0;
};

class SegmentStore {
 public:
  // Makes the folder if it is not there. A line in *note if a damaged index was begun anew; with
  // `note` null it is left as it is: kCorrupt. kIo, kInvalid: what is there is not ours. kNotFound:
  // `make` is false and there is none.
  static Result<SegmentStore> Open(const std::string& folder, bool make, std::string* note);

  const std::string& folder() const { return folder_; }
  bool read_only() const { return read_only_; }  // whatever writes fails
  // As of io::Database.
  void WaitForOthers(std::chrono::milliseconds longest, const std::atomic<bool>* hurry) {
    db_.WaitForOthers(longest, hurry);
  }
  std::string PathOf(const io::Digest& name) const;
  // kIo, of all these: the index cannot be read, which is not the same as holding nothing.
  Result<std::optional<Segment>> Find(const io::Digest& name);
  Result<std::vector<Segment>> StatesBehind(const io::Digest& parent);
  Result<bool> HasBehind(const io::Digest& parent);  // pages or a state
  Result<bool> IsEmpty();
  Result<std::vector<Segment>> All();  // by model, then the newest first
  Result<StoreTotals> Totals();

  // Writes the file by `write`, then names it. One of this name may be there. When this returns
  // without an error, the segment survives any kill. Then, over `limit_bytes`, others go; they also
  // make room where the disk is full. kExhausted: it is all the same. `write` may be called twice.
  Status Put(const Segment& segment, const std::function<Status(io::AtomicFile*)>& write,
             std::uint64_t limit_bytes);
  Status Touch(std::span<const io::Digest> names);  // they are used now
  Status Remove(std::span<const io::Digest> names);
  // Which file lies in its place, if any: to be asked before it is looked at.
  std::string StampOf(const io::Digest& name) const;
  // Removes what was missing or broken then. False: it is named no longer, or another file lies
  // there by now.
  Result<bool> Drop(const io::Digest& name, const std::string& stamp);
  // All segments, and what is remembered of files, without a trace in the index. kIo: others use it
  // for long; what is named no longer may be left in its log.
  Status Erase();
  Result<std::uint64_t> Shrink(std::uint64_t limit_bytes);  // segments removed
  // Files that the index does not name, and temporaries that nobody can still be writing, or all.
  // Others wait only while what was found is removed, a few at a time.
  Result<std::uint64_t> RemoveLitter(bool all_temporaries = false);

  // Digests of files by what the system says of them, so that large ones are read once.
  std::optional<std::string> Recall(const std::string& key);
  Status Remember(const std::string& key, const std::string& value);

 private:
  SegmentStore(std::string folder, io::Database db, bool read_only)
      : folder_(std::move(folder)), db_(std::move(db)), read_only_(read_only) {}
  // `work` is the only writer of all programs; an error or an exception undoes what it wrote.
  Status UnderLock(const std::function<Status()>& work);
  Status TryPut(const Segment& segment, const std::function<Status(io::AtomicFile*)>& write,
                std::uint64_t limit_bytes);
  Result<std::set<std::string>> Names();  // of all segments
  Status Insert(const Segment& segment);
  Result<std::vector<io::Digest>> TakeOldest(std::uint64_t limit_bytes);
  Status TakeOut(const std::string& name);  // of the index
  void Unlink(std::span<const io::Digest> names);
  Error Unread() const, Unwritten() const;
  Result<std::uint64_t> Bytes();
  Result<std::uint64_t> UnlinkLitter(std::span<const std::string> paths);
  // Prepared once, and again where that failed.
  io::Statement& Ready(std::optional<io::Statement>* kept, const char* sql);

  std::string folder_;
  io::Database db_;
  bool read_only_;
  std::optional<io::Statement> find_, behind_;  // asked for each page of a text
  // Of all segments, as long as only this store has written: counting reads every row.
  struct Counted {
    std::int64_t writes_of_others = 0;
    std::uint64_t bytes = 0;
  };
  std::optional<Counted> counted_;
};

}  // namespace hadal::cache
