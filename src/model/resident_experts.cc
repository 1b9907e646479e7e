#include "model/resident_experts.h"

#include <utility>

#include "base/check.h"

namespace hadal::model {

ResidentExperts::ResidentExperts(const std::vector<std::size_t>& experts_of, std::size_t slots)
    : slots_(slots) {
  for (const std::size_t experts : experts_of) slot_of_.emplace_back(experts, -1);
  spare_.reserve(slots);
  closed_.reserve(slots);
  for (std::size_t i = slots; i > 0; --i) {
    free_.push_back(i - 1);
    leaving_.insert(KeyOf(i - 1));
    spare_.push_back(leaving_.extract(leaving_.begin()));
  }
}

void ResidentExperts::Stay(std::size_t slot) {
  if (auto node = leaving_.extract(KeyOf(slot))) spare_.push_back(std::move(node));
}

void ResidentExperts::Leave(std::size_t slot) {
  auto node = std::move(spare_.back());
  spare_.pop_back();
  node.value() = KeyOf(slot);
  leaving_.insert(std::move(node));
}

std::optional<std::size_t> ResidentExperts::Find(ExpertId id) const {
  const std::int32_t slot = slot_of_[id.layer][id.expert];
  if (slot < 0) return {};
  return static_cast<std::size_t>(slot);
}

std::optional<std::size_t> ResidentExperts::Place(ExpertId id, Claim claim, double score) {
  HADAL_CHECK(!Find(id));
  if (free_.empty()) {
    if (leaving_.empty() || std::get<Claim>(*leaving_.begin()) >= claim) return {};
    Free(std::get<std::size_t>(*leaving_.begin()));
  }
  const std::size_t slot = free_.back();
  free_.pop_back();
  slots_[slot] = {.id = id, .taken = true, .claim = claim, .score = score};
  slot_of_[id.layer][id.expert] = static_cast<std::int32_t>(slot);
  return slot;
}

std::optional<double> ResidentExperts::LeastScore() const {
  if (!free_.empty()) return 0;
  if (leaving_.empty()) return {};
  return std::get<double>(*leaving_.begin());
}

std::optional<std::size_t> ResidentExperts::Close() {
  if (free_.empty()) {
    if (leaving_.empty()) return {};
    Free(std::get<std::size_t>(*leaving_.begin()));
  }
  closed_.push_back(free_.back());
  free_.pop_back();
  return closed_.back();
}

std::optional<std::size_t> ResidentExperts::Open() {
  if (closed_.empty()) return {};
  free_.push_back(closed_.back());
  closed_.pop_back();
  return free_.back();
}

void ResidentExperts::Release(std::size_t slot) {
  HADAL_CHECK(slots_[slot].holds > 0);
  Change(slot, [](Slot& s) { --s.holds; });
}

void ResidentExperts::Free(std::size_t slot) {
  Slot& s = slots_[slot];
  HADAL_CHECK(s.taken && s.holds == 0);
  Stay(slot);
  slot_of_[s.id.layer][s.id.expert] = -1;
  s = {};
  free_.push_back(slot);
}

}  // namespace hadal::model
