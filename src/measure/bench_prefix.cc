#include "measure/bench_prefix.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/units.h"
#include "cache/disk_prefixes.h"
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

// A folder's segments of one run of this, which go with it.
class Stored {
 public:
  static Result<Stored> Write(const std::string& folder, const cache::Sequence& sequence,
                              std::span<const std::int32_t> text, PrefixFigure* figure) {
    std::string note;
    HADAL_TRY(cache::SegmentStore store, cache::SegmentStore::Open(folder, true, &note));
    Stored stored(std::move(store));
    cache::WriterFigures written;
    const Stopwatch clock;
    HADAL_TRY_STATUS(cache::WriteSegments(stored.store_, stored.model_, kName, 0, text, sequence,
                                          cache::Pool::kUnlimited, &written));
    figure->written_seconds = clock.seconds();
    figure->disk_bytes = written.bytes;
    return stored;
  }
  Stored(Stored&&) = default;
  Stored& operator=(Stored&&) = delete;
  ~Stored() {
    const auto all = store_.All();
    if (!all.ok()) return;
    std::vector<io::Digest> names;
    for (const cache::Segment& segment : *all)
      if (segment.model == kName) names.push_back(segment.name);
    static_cast<void>(store_.Remove(names));
  }

  // Seconds until the logits behind the text's last token.
  Result<double> Time(BenchSession& session, std::span<const std::int32_t> text) {
    std::string note;
    HADAL_TRY(cache::SegmentStore reading, cache::SegmentStore::Open(store_.folder(), true, &note));
    HADAL_TRY(cache::SegmentStore writing, cache::SegmentStore::Open(store_.folder(), true, &note));
    const auto pool = std::make_shared<cache::Pool>(session.subject().layout);
    HADAL_TRY(const std::unique_ptr<cache::DiskPrefixes> disk,
              cache::DiskPrefixes::Open(std::move(reading), std::move(writing), model_,
                                        pool->layout(), {.limit_bytes = cache::Pool::kUnlimited}));
    const Stopwatch clock;
    const cache::DiskPrefixes::Match found = disk->Find(0, text, 0);
    if (!found.state) return Fail(Code::kNotFound, "{}: what was written is gone", store_.folder());
    HADAL_TRY(cache::Sequence sequence, disk->Restore(found, 0, text, pool));
    const double seconds = clock.seconds();
    HADAL_TRY(const double reading_last, session.TimeText(sequence, text));
    return seconds + reading_last;
  }

 private:
  static constexpr const char* kName = "hadal bench";

  explicit Stored(cache::SegmentStore store) : store_(std::move(store)) {}
  cache::SegmentStore store_;
  io::Digest model_ = io::Digester().Add(kName).Get();  // nobody's: its texts are drawn
};

Status MeasureDisk(BenchSession& session, const cache::Sequence& sequence,
                   std::span<const std::int32_t> text, PrefixFigure* figure) {
  const BenchOptions& options = session.subject().options;
  if (options.prefix_folder.empty()) return Unit{};
  HADAL_TRY(Stored stored, Stored::Write(options.prefix_folder, sequence, text, figure));
  std::vector<double> seconds(options.repeat);
  for (double& sample : seconds) {
    HADAL_TRY(sample, stored.Time(session, text));
  }
  figure->disk_seconds = machine::Samples::Of(std::move(seconds));
  return Unit{};
}

// Reads the text, and the end of it again, from a state that has what lies in front.
Status Read(BenchSession& session, std::span<const std::int32_t> text, cache::Sequence* sequence,
            PrefixFigure* figure) {
  const std::uint64_t again = session.subject().layout.TokensOfFixed();
  std::vector<double> seconds;
  if (again > 0 && again < text.size()) {
    figure->again_tokens = again;
    HADAL_TRY(figure->read_seconds, session.TimeText(*sequence, text.first(text.size() - again)));
    seconds.resize(session.subject().options.repeat);
    for (double& sample : seconds) {
      HADAL_TRY(cache::Sequence fork, sequence->Fork());
      HADAL_TRY(sample, session.TimeText(fork, text));
    }
  }
  HADAL_TRY(const double rest, session.TimeText(*sequence, text));
  figure->read_seconds += rest;
  if (!seconds.empty()) figure->again_seconds = machine::Samples::Of(std::move(seconds));
  return Unit{};
}

}  // namespace

Status MeasurePrefix(BenchSession& session, std::uint64_t tokens, PrefixFill fill,
                     BenchReport& report) {
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
  figure.window_bytes = subject.layout.fixed_bytes;
  if (fill == PrefixFill::kRandom) {
    HADAL_TRY_STATUS(session.FillRandom(sequence, tokens, /*seed=*/1));
  } else {
    HADAL_TRY_STATUS(Read(session, text, &sequence, &figure));
  }
  figure.state_bytes = sequence.bytes();
  cache.Keep(0, text, sequence);
  std::vector<double> seconds(subject.options.repeat);
  for (double& sample : seconds) {
    HADAL_TRY(sample, TimeKept(session, cache, text));
  }
  figure.kept_seconds = machine::Samples::Of(std::move(seconds));
  HADAL_TRY_STATUS(MeasureDisk(session, sequence, text, &figure));
  report.prefix.push_back(figure);
  return Unit{};
}

}  // namespace hadal::measure
