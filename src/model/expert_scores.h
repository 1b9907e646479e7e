// How often experts are used: counts that age, so that what was learnt long ago weighs less.
//
// A use counts one; a pass later it counts a little less, half after kHalfLife passes. Comparing is
// of experts of all layers, for a token passes through each of them once. One thread at a time.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hadal::model {

struct ExpertId {
  std::uint32_t layer, expert;
  bool operator==(const ExpertId&) const = default;
};

class ExpertScores {
 public:
  static constexpr double kHalfLife = 2000;  // passes

  // experts_of[layer]
  explicit ExpertScores(const std::vector<std::size_t>& experts_of);
  void Use(ExpertId id) { raw_[id.layer][id.expert] += unit_; }
  // A pass is over. True: Raw is of another scale from now on, for once in a long time.
  bool Age();
  double Raw(ExpertId id) const { return raw_[id.layer][id.expert]; }
  double InUses(double raw) const { return raw / unit_; }

  // In uses: [layer][expert]; what a profile keeps.
  std::vector<std::vector<float>> Uses() const;
  void Restore(const std::vector<std::vector<float>>& uses);  // of the same shape
  std::vector<ExpertId> Hottest(std::size_t most) const;      // that were ever used

 private:
  // What a use adds grows, in place of all scores' shrinking.
  double unit_ = 1;
  std::vector<std::vector<double>> raw_;
};

}  // namespace hadal::model
