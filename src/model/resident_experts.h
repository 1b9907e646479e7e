// Which expert lies in which slot of a memory that holds some of them, and which may go.
//
// What nobody waits for goes first, least used before more used (model/expert_scores.h); then what
// was guessed, then what is announced. Never what is being read, is asked for, or is in use. A
// replacement is one step in an ordered set. Slots may be closed, and then hold nothing. One thread
// at a time; knows no file and no memory, and takes none once it is made: reads come back to it on
// threads that may not throw.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "model/expert_scores.h"

namespace hadal::model {

// Why an expert is in memory, or should be. A stronger one displaces weaker ones.
enum class Claim : std::uint8_t { kNone, kGuessed, kAnnounced, kAsked };

class ResidentExperts {
 public:
  ResidentExperts(const std::vector<std::size_t>& experts_of, std::size_t slots);

  struct Slot {
    ExpertId id = {};
    bool taken = false, ready = false;
    Claim claim = Claim::kNone;
    std::size_t holds = 0;
    double score = 0;
  };
  std::optional<std::size_t> Find(ExpertId id) const;
  const Slot& operator[](std::size_t slot) const { return slots_[slot]; }
  std::size_t size() const { return slots_.size(); }
  std::size_t free() const { return free_.size(); }
  std::size_t open() const { return slots_.size() - closed_.size(); }
  // The score of the expert that would go for another, 0 if there is a free slot. None: none may.
  std::optional<double> LeastScore() const;

  // A slot for an expert that has none, not ready yet: a free one, or, for all but kNone, one whose
  // expert goes. None: no expert may go for such a claim.
  std::optional<std::size_t> Place(ExpertId id, Claim claim, double score);
  void SetReady(std::size_t slot) {
    Change(slot, [](Slot& s) { s.ready = true; });
  }
  void SetClaim(std::size_t slot, Claim claim) {
    Change(slot, [&](Slot& s) { s.claim = claim; });
  }
  void SetScore(std::size_t slot, double score) {
    Change(slot, [&](Slot& s) { s.score = score; });
  }
  void Hold(std::size_t slot) {
    Change(slot, [](Slot& s) { ++s.holds; });
  }
  void Release(std::size_t slot);
  void Free(std::size_t slot);  // that nobody holds

  // A free slot, or that of the expert that goes first, is closed. None: no expert may go.
  std::optional<std::size_t> Close();
  // One that was closed is free again. None: none was.
  std::optional<std::size_t> Open();

 private:
  using Key = std::tuple<Claim, double, std::size_t>;
  template <class F>
  void Change(std::size_t slot, F&& change) {
    Slot& s = slots_[slot];
    Stay(slot);
    change(s);
    if (MayGo(s)) Leave(slot);
  }
  void Stay(std::size_t slot);   // not in leaving_
  void Leave(std::size_t slot);  // in it
  Key KeyOf(std::size_t slot) const { return {slots_[slot].claim, slots_[slot].score, slot}; }
  static bool MayGo(const Slot& s) {
    return s.taken && s.ready && s.holds == 0 && s.claim != Claim::kAsked;
  }

  std::vector<std::vector<std::int32_t>> slot_of_;  // [layer][expert]; -1: none
  std::vector<Slot> slots_;
  std::vector<std::size_t> free_, closed_;
  std::set<Key> leaving_;                        // those that may go, the first one first
  std::vector<std::set<Key>::node_type> spare_;  // nodes for those that may not
};

}  // namespace hadal::model
