#include "measure/bench_prefill.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/units.h"
#include "measure/bench_costs.h"
#include "measure/bench_memory.h"
#include "measure/expert_traffic.h"

namespace hadal::measure {

Status PrefillBench::Measure(std::uint64_t depth) {
  const BenchSubject& subject = session_.subject();
  const std::uint64_t longest = *std::ranges::max_element(subject.options.prefill);
  const std::uint64_t start = session_.Start(depth, longest, report_);
  if (const auto note = LeftOut(subject.options, subject.model, subject.layout,
                                {.what = fmt::format("prefill at depth {}", depth),
                                 .tokens = depth + longest,
                                 .scratch_bytes = session_.scratch_bytes(),
                                 .held_bytes = HeldBytes(session_.experts())})) {
    report_.notes.push_back(*note);
    return Unit{};
  }
  subject.on_step(fmt::format("filling to depth {}", FormatCount(depth)));
  HADAL_TRY(cache::Sequence prefix, session_.AtDepth(start, 1));
  for (const std::uint64_t count : subject.options.prefill)
    HADAL_TRY_STATUS(MeasureOne(prefix, depth, start, count));
  if (!first_) first_ = std::move(prefix);
  return Unit{};
}

Status PrefillBench::MeasureOne(const cache::Sequence& prefix, std::uint64_t depth,
                                std::uint64_t start, std::uint64_t count) {
  const BenchSubject& subject = session_.subject();
  subject.on_step(fmt::format("prefill of {} at depth {}, {} threads", FormatCount(count),
                              FormatCount(depth), session_.threads().count()));
  std::vector<double> rates, times;
  TrafficMeter traffic(session_.experts());
  HADAL_TRY(double seconds, session_.TimeRead(prefix, count));  // warms up
  for (std::size_t sample = 0; sample < subject.options.repeat; ++sample) {
    double first_seconds = 0;
    if (first_) {
      HADAL_TRY(first_seconds, session_.TimeRead(*first_, count));
    }
    traffic.Start();
    HADAL_TRY(seconds, session_.TimeRead(prefix, count));
    traffic.Stop(static_cast<double>(count), seconds);
    rates.push_back(static_cast<double>(count) / seconds);
    times.push_back(first_ ? first_seconds / seconds : 1);
  }
  const cost::MacsByWork macs = cost::PrefillMacs(subject.cost, start, count);
  PrefillFigure figure{.tokens = count,
                       .depth = depth,
                       .threads = session_.threads().count(),
                       .tokens_per_s = machine::Samples::Of(std::move(rates))};
  figure.times_first = machine::Samples::Of(std::move(times)).median;
  figure.flops_per_token = 2 * Sum(macs) / static_cast<double>(count);
  figure.share_of_peak = PeakSeconds(macs, report_.machine, figure.threads) /
                         (static_cast<double>(count) / figure.tokens_per_s.median);
  figure.experts = traffic.traffic();
  report_.prefill.push_back(figure);
  return Unit{};
}

}  // namespace hadal::measure
