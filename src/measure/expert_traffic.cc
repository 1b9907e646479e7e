#include "measure/expert_traffic.h"

#include "engine/expert_memory.h"

namespace hadal::measure {
namespace {

template <class A, class B>
double Ratio(A part, B whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

}  // namespace

void TrafficMeter::Start() { start_ = experts_.figures(); }

void TrafficMeter::Stop(double tokens, double seconds) {
  const auto end = experts_.figures();
  if (!start_ || !end) return;
  sum_ += *end - *start_;
  tokens_ += tokens;
  seconds_ += seconds;
}

std::optional<ExpertTraffic> TrafficMeter::traffic() const {
  if (!start_ || tokens_ == 0) return {};
  const double expert_bytes = Ratio(sum_.read_bytes, sum_.reads);
  const auto missed = [&](std::uint64_t experts) { return expert_bytes * Ratio(experts, tokens_); };
  return ExpertTraffic{.read_bytes_per_token = Ratio(sum_.read_bytes, tokens_),
                       .held = Ratio(sum_.held, sum_.wanted),
                       .coming = Ratio(sum_.coming, sum_.wanted),
                       .hits = 1 - Ratio(sum_.missed, sum_.wanted),
                       .missed_bytes = {.by_token = missed(sum_.missed_by_token),
                                        .by_score = missed(sum_.missed - sum_.missed_by_token)},
                       .guessed_right = Ratio(sum_.guessed_right, sum_.guessed),
                       .disk_bytes_per_s = Ratio(sum_.read_bytes, sum_.busy_seconds),
                       .disk_busy = Ratio(sum_.busy_seconds, seconds_),
                       .waiting = Ratio(sum_.wait_seconds, seconds_)};
}

}  // namespace hadal::measure
