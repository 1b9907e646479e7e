// What reading experts from disk had to do with a figure: how much came from there, how much was
// held or guessed, and what waited for what.
#pragma once
#include <optional>

#include "measure/bench_figures.h"
#include "model/disk_experts.h"

namespace hadal::engine {
class ExpertMemory;
}

namespace hadal::measure {

// Adds up over a figure's samples. Of a mapped model it is always empty.
class TrafficMeter {
 public:
  explicit TrafficMeter(const engine::ExpertMemory& experts) : experts_(experts) {}
  void Start();
  void Stop(double tokens, double seconds);
  std::optional<ExpertTraffic> traffic() const;

 private:
  const engine::ExpertMemory& experts_;
  std::optional<model::DiskExpertFigures> start_;
  model::DiskExpertFigures sum_;
  double tokens_ = 0, seconds_ = 0;
};

}  // namespace hadal::measure
