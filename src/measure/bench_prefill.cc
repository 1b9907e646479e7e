#include "measure/bench_prefill.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/units.h"
#include "measure/bench_costs.h"
#include "measure/bench_memory.h"
#include "measure/disk_bound.h"
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
  const double peak_seconds = PeakSeconds(macs, report_.machine, figure.threads);
  figure.share_of_peak = peak_seconds / (static_cast<double>(count) / figure.tokens_per_s.median);
  figure.experts = traffic.traffic();
  if (figure.experts && report_.machine.disk)
    figure.experts->bound_tokens_per_s = PrefillBound({.tokens = count,
                                                       .chunk_tokens = subject.options.chunk_tokens,
                                                       .missed_bytes = BytesToRead(count),
                                                       .peak_seconds = peak_seconds},
                                                      report_.machine.disk->best.bytes_per_s);
  report_.prefill.push_back(figure);
  return Unit{};
}

// For each chunk: a short one does not want all experts.
double PrefillBench::BytesToRead(std::uint64_t count) {
  const BenchSubject& subject = session_.subject();
  const std::uint64_t rows = std::min(count, subject.options.chunk_tokens);
  const double wanted = cost::ExpertBytesByRouting(subject.cost, static_cast<double>(rows)).sum();
  return std::min(NotHeldBytes(session_.experts(), report_.experts), wanted);
}

}  // namespace hadal::measure
