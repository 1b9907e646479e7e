#include <algorithm>
#include <set>
#include <utility>

#include "arch/stored_tensor.h"
#include "arch/synthetic.h"
#include "base/clock.h"
#include "base/units.h"
#include "cost/describe.h"
#include "engine/expert_memory.h"
#include "engine/footprint.h"
#include "engine/model_files.h"
#include "io/checkpoint_files.h"
#include "measure/bench.h"
#include "measure/bench_costs.h"
#include "measure/bench_decode.h"
#include "measure/bench_memory.h"
#include "measure/bench_prefill.h"
#include "measure/bench_prefix.h"
#include "measure/bench_session.h"
#include "model/expert_places.h"

namespace hadal::measure {
namespace {

constexpr std::uint64_t kMostStepTokens = 2048;  // that decoding adds to a depth

std::vector<std::uint64_t> ThreadCounts(const BenchOptions& options) {
  if (!options.threads.empty()) return options.threads;
  return {Threads::HardwareCount()};
}

std::vector<std::uint64_t> Depths(const BenchOptions& options, const arch::Config& config) {
  if (!options.depth.empty()) return options.depth;
  std::vector<std::uint64_t> depths;
  for (const std::uint64_t depth : kBenchDepths)
    if (depth <= config.max_position_embeddings) depths.push_back(depth);
  return depths;
}

Status CheckContext(const BenchOptions& options, const arch::Config& config, BenchReport* report) {
  std::set<std::uint64_t> contexts(options.depth.begin(), options.depth.end());
  contexts.insert(options.prefill_depth.begin(), options.prefill_depth.end());
  contexts.insert(options.prefill.begin(), options.prefill.end());
  contexts.insert(options.prefix.begin(), options.prefix.end());
  contexts.insert(options.prefix_random.begin(), options.prefix_random.end());
  for (const std::uint64_t tokens : contexts) {
    if (tokens <= config.max_position_embeddings) continue;
    if (!options.beyond)
      return Fail(Code::kInvalid, "{} tokens of context are more than the model's {}", tokens,
                  config.max_position_embeddings);
    report->notes.push_back(fmt::format("depth {}: extrapolated, beyond the model's own {}",
                                        FormatCount(tokens),
                                        FormatCount(config.max_position_embeddings)));
  }
  return Unit{};
}

// As the tensors are stored: config.json need not say it.
Result<cost::CostModel> CostOf(const io::Checkpoint& checkpoint, const std::string& name) {
  HADAL_TRY(const arch::AnyConfig config, arch::ParseAnyConfig(checkpoint.config()));
  const auto format_of = [&](const std::string& tensor) {
    return arch::FormatIn(checkpoint, tensor);
  };
  return cost::Describe(config, cost::HeldByFormats(format_of), name);
}

// From a sequence that does not exist yet to its first logits.
Result<double> FirstTokenSeconds(BenchSession& session) {
  const Stopwatch clock;
  HADAL_TRY(const cache::Sequence empty, session.AtDepth(0, 0));
  HADAL_TRY([[maybe_unused]] const double reading, session.TimeRead(empty, 1));
  return clock.seconds();
}

// For held experts: what all else leaves.
std::uint64_t ExpertBytes(const BenchSubject& subject, std::size_t threads) {
  if (subject.model.checkpoint().mapped()) return 0;
  const BenchOptions& options = subject.options;
  const auto most = [](const std::vector<std::uint64_t>& values) {
    return values.empty() ? 0 : *std::ranges::max_element(values);
  };
  const std::uint64_t depth =
      std::max(most(Depths(options, subject.model.config)), most(options.prefill_depth));
  engine::Footprint footprint = engine::PlanFootprint(
      subject.model, subject.layout,
      {.tokens = depth + std::max<std::uint64_t>(most(options.prefill), kMostStepTokens),
       .sequences = 1 + most(options.batch),
       .chunk_tokens = MostRows(options),
       .threads = threads});
  footprint.program += OwnBytes(options);
  return engine::HeldExpertBytes(footprint, options.ram_bytes);
}

Status RunThreads(BenchSubject& subject, std::size_t count, BenchReport& report) {
  const BenchOptions& options = subject.options;
  Threads threads(count);
  HADAL_TRY(
      const engine::ExpertMemory experts,
      engine::ExpertMemory::Create(subject.model, {.bytes = ExpertBytes(subject, count),
                                                   .profile = options.experts_profile,
                                                   .keep_profile = !options.experts_profile.empty(),
                                                   .on_note = options.on_note}));
  HADAL_TRY(model::Forward forward,
            model::Forward::Create(subject.model, arch::Numerics::Stored(), threads,
                                   MostRows(options), experts.runner()));
  BenchSession session(subject, threads, experts, forward);
  if (const auto figures = experts.figures()) {
    report.held_experts = figures->slots;
    report.experts = model::ExpertPlaces::Of(subject.model).count();
  }
  if (report.first_token_seconds == 0) {
    HADAL_TRY(report.first_token_seconds, FirstTokenSeconds(session));
    session.Warm();
  }
  {
    PrefillBench prefill(session, report);
    for (const std::uint64_t depth : options.prefill_depth)
      if (!options.prefill.empty()) HADAL_TRY_STATUS(prefill.Measure(depth));
  }
  for (const std::uint64_t tokens : options.prefix)
    HADAL_TRY_STATUS(MeasurePrefix(session, tokens, PrefixFill::kRead, report));
  for (const std::uint64_t tokens : options.prefix_random)
    HADAL_TRY_STATUS(MeasurePrefix(session, tokens, PrefixFill::kRandom, report));
  DecodeBench decode(session, report);
  for (const std::uint64_t depth : Depths(options, subject.model.config))
    for (const std::uint64_t batch : options.batch) HADAL_TRY_STATUS(decode.Measure(depth, batch));
  return Unit{};
}

Result<machine::MachineReport> MeasureMachine(const BenchOptions& options,
                                              const model::Model& model) {
  machine::MeasureOptions measure{.quick = options.quick};
  if (options.ram_bytes) {
    measure.buffer_bytes = MachineBufferBytes(options, model);
    measure.disk_bytes = DiskTestBytes(options, model);
  }
  for (const std::uint64_t count : ThreadCounts(options)) measure.threads.push_back(count);
  if (!model.checkpoint().mapped()) measure.disk_folder = model.checkpoint().directory();
  return machine::MeasureMachine(measure);
}

}  // namespace

Result<BenchReport> RunBench(const BenchOptions& options,
                             const std::function<void(const std::string&)>& on_step) {
  std::string place = options.model;
  if (place.empty()) {
    HADAL_TRY(place, engine::EmbeddedModel());
  }
  BenchReport report;
  report.random_fill = options.random_fill;
  report.chunk_tokens = options.chunk_tokens;
  report.repeat = options.repeat;
  report.model = io::NameOfFolder(place);
  const Stopwatch clock;
  HADAL_TRY(io::Checkpoint checkpoint,
            engine::OpenCheckpoint(place, {.experts = options.experts,
                                           .ram_bytes = options.ram_bytes,
                                           .on_reading = options.on_reading,
                                           .cancel = options.cancel}));
  HADAL_TRY(const cost::CostModel cost, CostOf(checkpoint, report.model));
  report.routing = arch::RoutingInWords(arch::SyntheticOf(checkpoint.config()));
  HADAL_TRY(const model::Model model, model::Model::Load(std::move(checkpoint)));
  report.open_seconds = clock.seconds();
  if (options.on_note)
    for (const std::string& note : model.notes) options.on_note(note);
  HADAL_TRY_STATUS(CheckContext(options, model.config, &report));
  on_step("measuring the machine");
  HADAL_TRY(report.machine, MeasureMachine(options, model));
  const arch::KvLayout layout(model.config, arch::Numerics::Stored());
  BenchSubject subject{options, model, cost, layout, on_step};
  for (const std::uint64_t threads : ThreadCounts(options))
    HADAL_TRY_STATUS(RunThreads(subject, threads, report));
  for (const std::uint64_t depth : Depths(options, model.config))
    for (ComponentCost& part : DecodeCosts(cost, depth)) report.costs.push_back(std::move(part));
  return report;
}

}  // namespace hadal::measure
