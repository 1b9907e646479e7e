// The memory that kept prefixes and held experts share.
//
// What a budget leaves behind dense weights, scratch and promises to requests is for both
// (engine/footprint.h). Experts have the larger part of it for good; the other, which is the most
// that prefixes may have, is the pool's, or on loan to experts, slot by slot, as long as no prefix
// is worth more there. The less valuable goes, by the seconds that a byte saves during as many
// passes as counts remember (model/expert_scores.h):
//
//   expert   uses x seconds of reading a byte                         as measured, in this run
//   state    seconds of reading its tokens x likelihood x lookups / bytes
//
// with tokens, likelihood and bytes of cache/prefix_cache.h. Uses and lookups age alike, by passes:
// so states that nobody asks for lose to experts sooner or later, and experts that are seldom used
// lose to prefixes that are.
//
// Bytes change hands between passes, and are given back before they are taken. The stepping
// thread's.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "cache/pool.h"
#include "model/disk_experts.h"

namespace hadal::engine {

class ExpertLoan {
 public:
  // The pool's limit covers what is on loan; from now on it is lower by that. experts outlives
  // this.
  ExpertLoan(model::DiskExperts& experts, std::shared_ptr<cache::Pool> pool);

  std::uint64_t lent_bytes() const { return experts_.lent_bytes(); }
  std::uint64_t slot_bytes() const { return slot_bytes_; }

  // Of the expert that would go first; none: no expert may go now.
  std::optional<double> LeastWorth() const;
  // Of a state whose tokens take so long.
  double Worth(double seconds, double likelihood, std::uint64_t bytes) const;

  // That expert goes, and the pool has its bytes. False: nothing is on loan, or none may go.
  bool GiveBack();
  // Slots that experts could use: there are so many, and experts went for others in the last pass.
  std::size_t wanted() const { return short_ ? experts_.lendable() : 0; }
  // The pool has them free.
  void Take(std::size_t slots);
  void LookedUp() { ++recent_lookups_; }  // a prefix
  void PassEnded();

 private:
  model::DiskExperts& experts_;
  std::shared_ptr<cache::Pool> pool_;
  const std::uint64_t slot_bytes_;
  double recent_lookups_ = 0;  // they age
  std::uint64_t replaced_ = 0;
  bool short_ = false;  // of memory, in the last pass
};

}  // namespace hadal::engine
