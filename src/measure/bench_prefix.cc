#include "measure/bench_prefix.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/units.h"
#include "cache/prefix_cache.h"
#include "measure/bench_memory.h"

namespace hadal::measure {
namespace {

// Seconds until the logits behind the text's last token.
Result<double> TimeKept(BenchSession& session, cache::PrefixCache& cache,
                        std::span<const std::int32_t> text) {
  const Stopwatch clock;
  cache::PrefixUse use;
  std::optional<cache::Sequence> taken = cache.Take(cache.Find(0, text), text, false, &use);
  if (!taken)
    return Fail(Code::kExhausted, "no memory for a second state of {} tokens", use.tokens);
  const double seconds = clock.seconds();
  HADAL_TRY(const double reading, session.TimeText(*taken, text));
  return seconds + reading;
}

}  // namespace

Status MeasurePrefix(BenchSession& session, std::uint64_t tokens, BenchReport& report) {
  const BenchSubject& subject = session.subject();
  // The text that is read, the one that is kept, and one that goes on from it; they share pages.
  if (const auto note = LeftOut(subject.options, subject.model, subject.layout,
                                {.what = fmt::format("prefix of {}", FormatCount(tokens)),
                                 .tokens = tokens,
                                 .sequences = 3,
                                 .scratch_bytes = session.scratch_bytes(),
                                 .held_bytes = HeldBytes(session.experts())})) {
    report.notes.push_back(*note);
    return Unit{};
  }
  subject.on_step(
      fmt::format("prefix of {}, {} threads", FormatCount(tokens), session.threads().count()));
  const auto pool = std::make_shared<cache::Pool>(subject.layout);
  cache::PrefixCache cache(pool, [] { return cache::Pool::kUnlimited; });
  const std::vector<std::int32_t> text = session.DrawTokens(tokens);
  HADAL_TRY(cache::Sequence sequence, cache::Sequence::Create(pool));
  PrefixFigure figure{.tokens = tokens, .threads = session.threads().count()};
  HADAL_TRY(figure.read_seconds, session.TimeText(sequence, text));
  figure.state_bytes = sequence.bytes();
  cache.Keep(0, text, sequence);
  std::vector<double> seconds(subject.options.repeat);
  for (double& sample : seconds) {
    HADAL_TRY(sample, TimeKept(session, cache, text));
  }
  figure.kept_seconds = machine::Samples::Of(std::move(seconds));
  report.prefix.push_back(figure);
  return Unit{};
}

}  // namespace hadal::measure
