#include "measure/bench_decode.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/progress.h"
#include "base/units.h"
#include "machine/memory_reader.h"
#include "measure/bench_costs.h"
#include "measure/bench_memory.h"
#include "measure/disk_bound.h"
#include "measure/expert_traffic.h"

namespace hadal::measure {
namespace {

constexpr std::uint64_t kMostSteps = 256;  // a sample; so the depth stays about the same

}  // namespace

Status DecodeBench::Measure(std::uint64_t depth, std::uint64_t batch) {
  const BenchSubject& subject = session_.subject();
  const std::string what = fmt::format("decode at depth {}, batch {}, {} threads",
                                       FormatCount(depth), batch, session_.threads().count());
  const std::uint64_t room = kMostSteps * (subject.options.repeat + 2);
  const std::uint64_t start = session_.Start(depth, room, report_);
  if (const auto note = LeftOut(subject.options, subject.model, subject.layout,
                                {.what = what,
                                 .tokens = start + room,
                                 .sequences = batch,
                                 .scratch_bytes = session_.scratch_bytes(),
                                 .held_bytes = HeldBytes(session_.experts())})) {
    report_.notes.push_back(*note);
    return Unit{};
  }
  subject.on_step(what);
  HADAL_TRY(Sequences sequences, Fill(start, batch));
  HADAL_TRY(const std::size_t steps, StepsOfASample(sequences));
  HADAL_TRY(Samples samples, Sample(sequences, steps));
  Add(depth, sequences, std::move(samples));
  if (first_.empty()) {
    first_ = std::move(sequences);
    first_steps_ = steps;
  }
  return Unit{};
}

Result<DecodeBench::Sequences> DecodeBench::Fill(std::uint64_t start, std::uint64_t batch) {
  Sequences sequences;
  const std::uint64_t own_before = AnonymousResidentBytes();
  for (std::uint64_t i = 0; i < batch; ++i) {
    if (i > 0 && !session_.subject().options.random_fill) {
      HADAL_TRY(cache::Sequence fork, sequences[0].Fork());
      sequences.push_back(std::move(fork));
      continue;
    }
    HADAL_TRY(cache::Sequence sequence, session_.AtDepth(start, 1 + i));
    sequences.push_back(std::move(sequence));
  }
  const std::uint64_t own_after = AnonymousResidentBytes();
  state_rss_ = own_after - std::min(own_before, own_after);
  return sequences;
}

Result<std::size_t> DecodeBench::StepsOfASample(Sequences& sequences) {
  HADAL_TRY(double seconds, session_.TimeSteps(sequences, 1));  // warms up
  HADAL_TRY(seconds, session_.TimeSteps(sequences, 1));
  const double wanted = session_.subject().options.sample_seconds / std::max(seconds, 1e-9);
  return static_cast<std::size_t>(
      std::clamp(std::ceil(wanted), 1.0, static_cast<double>(kMostSteps)));
}

// On a shared machine memory gives half as much in one second as in the next: what a sample is
// compared with is measured right before and after it.
Result<DecodeBench::Samples> DecodeBench::Sample(Sequences& sequences, std::size_t steps) {
  const BenchOptions& options = session_.subject().options;
  HADAL_TRY(const machine::MemoryReader memory,
            machine::MemoryReader::Create(ReadBufferBytes(options), session_.threads()));
  Samples samples;
  TrafficMeter traffic(session_.experts());
  for (std::size_t sample = 0; sample < options.repeat; ++sample) {
    double first_rate = 0;
    if (!first_.empty()) {
      HADAL_TRY(first_rate, FirstRate());
    }
    const double before = memory.BytesPerSecond(session_.threads());
    traffic.Start();
    HADAL_TRY(const double seconds, session_.TimeSteps(sequences, steps));
    const auto tokens = static_cast<double>(steps * sequences.size());
    traffic.Stop(tokens, seconds);
    const double rate = tokens / seconds;
    samples.rates.push_back(rate);
    samples.reads.push_back((before + memory.BytesPerSecond(session_.threads())) / 2);
    samples.times_first.push_back(first_rate > 0 ? rate / first_rate : 1);
  }
  samples.experts = traffic.traffic();
  return samples;
}

Result<double> DecodeBench::FirstRate() {
  Sequences forks;
  for (const cache::Sequence& sequence : first_) {
    HADAL_TRY(cache::Sequence fork, sequence.Fork());
    forks.push_back(std::move(fork));
  }
  HADAL_TRY(const double seconds, session_.TimeSteps(forks, first_steps_));
  return static_cast<double>(first_steps_ * forks.size()) / seconds;
}

void DecodeBench::Add(std::uint64_t depth, const Sequences& sequences, Samples samples) {
  const BenchSubject& subject = session_.subject();
  DecodeFigure figure{.depth = depth,
                      .threads = session_.threads().count(),
                      .batch = sequences.size(),
                      .tokens_per_s = machine::Samples::Of(samples.rates),
                      .read_bytes_per_s = machine::Samples::Of(samples.reads),
                      .times_first = machine::Samples::Of(samples.times_first).median,
                      .experts = samples.experts};
  figure.bytes_per_token = DecodeBytes(subject.cost, depth, figure.batch);
  if (figure.experts && report_.machine.disk)
    figure.experts->bound_tokens_per_s = DecodeBound(
        subject.cost,
        {.depth = depth,
         .batch = figure.batch,
         .missed_bytes = figure.experts->missed_bytes * static_cast<double>(figure.batch)},
        figure.read_bytes_per_s.median, report_.machine.disk->best.bytes_per_s);
  report_.machine.AddReads(figure.threads, samples.reads);
  std::vector<double> shares = std::move(samples.rates);
  for (std::size_t i = 0; i < shares.size(); ++i)
    shares[i] *= figure.bytes_per_token / samples.reads[i];
  figure.share_of_bandwidth = machine::Samples::Of(std::move(shares)).median;
  figure.flops_per_token = 2 * Sum(cost::DecodeMacs(subject.cost, depth + 1));
  for (const cache::Sequence& sequence : sequences) figure.state_bytes += sequence.bytes();
  if (!subject.options.random_fill && sequences.size() > 1)  // forks share their full pages
    figure.state_bytes -=
        (sequences.size() - 1) * sequences[0].full_pages() * subject.layout.page_bytes;
  figure.rss_bytes = ResidentBytes();
  report_.decode.push_back(figure);
  if (depth * figure.batch < report_.memory_depth * report_.memory_batch) return;
  report_.memory_depth = depth;
  report_.memory_batch = figure.batch;
  report_.memory = MemoryParts(subject.model, subject.layout, sequences, session_.scratch_bytes(),
                               HeldBytes(session_.experts()), state_rss_);
}

}  // namespace hadal::measure
