#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/progress.h"
#include "base/random.h"
#include "base/units.h"
#include "cache/random_state.h"
#include "cache/sequence.h"
#include "cost/cost_model.h"
#include "cost/describe.h"
#include "cost/engine_memory.h"
#include "cost/engine_products.h"
#include "engine/model_files.h"
#include "machine/memory_reader.h"
#include "measure/bench.h"
#include "model/forward.h"

namespace hadal::measure {
namespace {

using arch::Numerics;

constexpr std::uint64_t kReserveBytes =
    64'000'000;  // the program, its stacks and what malloc rounds up

// A buffer to read memory from: of `wanted` bytes, but of a quarter of what there is at most.
std::uint64_t BufferBytes(std::uint64_t wanted, const std::optional<std::uint64_t>& ram_bytes) {
  const std::uint64_t most =
      ram_bytes ? std::max(*ram_bytes, kReserveBytes) : machine::DescribeComputer().available_bytes;
  return most == 0 ? wanted : std::min(wanted, most / 4);
}

// At the peaks of the instructions that the kernels use for each kind of product.
double PeakSeconds(const cost::MacsByWork& macs, const machine::MachineReport& machine,
                   std::size_t threads) {
  double seconds = 0;
  for (std::size_t w = 0; w < cost::kWorks; ++w) {
    const auto product = cost::EngineProduct(static_cast<cost::Work>(w));
    if (macs[w] == 0 || !product) continue;
    const double peak = machine.OpsPerSecond(kernels::ArithmeticOf(*product), threads);
    if (peak > 0) seconds += 2 * static_cast<double>(macs[w]) / peak;
  }
  return seconds;
}

double Sum(const cost::MacsByWork& macs) {
  double sum = 0;
  for (const std::uint64_t m : macs) sum += static_cast<double>(m);
  return sum;
}

class Bench {
 public:
  Bench(const BenchOptions& options, const model::Model& model, cost::CostModel cost,
        const std::function<void(const std::string&)>& on_step, BenchReport& report)
      : options_(options),
        model_(model),
        cost_(std::move(cost)),
        layout_(model.config, Numerics::Stored()),
        on_step_(on_step),
        report_(report) {}

  Status Run() {
    std::vector<std::uint64_t> counts = options_.threads;
    if (counts.empty()) counts = {Threads::HardwareCount()};
    for (const std::uint64_t count : counts) HADAL_TRY_STATUS(RunThreads(count));
    for (const std::uint64_t depth : Depths()) AddCosts(depth);
    return Unit{};
  }

 private:
  std::vector<std::uint64_t> Depths() const {
    if (!options_.depth.empty()) return options_.depth;
    std::vector<std::uint64_t> depths;
    for (const std::uint64_t depth : kBenchDepths)
      if (depth <= model_.config.max_position_embeddings) depths.push_back(depth);
    return depths;
  }

  std::uint64_t MaxRows() const {
    return std::max(options_.chunk_tokens, *std::ranges::max_element(options_.batch));
  }

  Status RunThreads(std::size_t count) {
    Threads threads(count);
    HADAL_TRY(model::Forward forward,
              model::Forward::Create(model_, Numerics::Stored(), threads, MaxRows()));
    scratch_bytes_ = forward.scratch_bytes();
    threads_ = &threads;
    forward_ = &forward;
    first_prefix_.reset();
    first_decoded_.clear();
    HADAL_TRY_STATUS(FirstToken());
    if (!warm_) Warm();
    for (const std::uint64_t depth : options_.prefill_depth)
      if (!options_.prefill.empty()) HADAL_TRY_STATUS(Prefill(depth));
    first_prefix_.reset();
    for (const std::uint64_t depth : Depths())
      for (const std::uint64_t batch : options_.batch) HADAL_TRY_STATUS(Decode(depth, batch));
    return Unit{};
  }

  Status CheckCancel() const {
    if (options_.cancel != nullptr && options_.cancel->load())
      return Fail(Code::kCancelled, "stopped");
    return Unit{};
  }

  // False, with a note, if the sequences would not fit.
  bool Fits(const std::string& what, std::uint64_t tokens, std::uint64_t sequences) {
    const std::uint64_t state = sequences * StateBytes(tokens);
    // Weights are the page cache's: they count against --ram, but not against what is free now.
    const std::uint64_t own = state + scratch_bytes_ + kReserveBytes;
    const std::uint64_t weights = model_.checkpoint().tensor_bytes();
    const std::uint64_t need = options_.ram_bytes ? own + weights + ReadBytes() : own;
    const std::uint64_t have =
        options_.ram_bytes ? *options_.ram_bytes : machine::DescribeComputer().available_bytes;
    if (need <= have) return true;
    report_.notes.push_back(fmt::format("{}: left out: needs {}{}, has {}", what, FormatBytes(need),
                                        options_.ram_bytes ? " with the weights" : "",
                                        FormatBytes(have)));
    return false;
  }
  std::uint64_t StateBytes(std::uint64_t tokens) const {
    return cost::AllocatedState(model_.config, layout_, tokens).total();
  }

  std::vector<std::int32_t> DrawTokens(std::uint64_t count) {
    std::vector<std::int32_t> tokens(count);
    for (std::int32_t& token : tokens)
      token = static_cast<std::int32_t>(random_.Below(model_.config.vocab_size));
    return tokens;
  }

  Status Read(cache::Sequence& sequence, std::span<const std::int32_t> tokens) {
    HADAL_TRY_STATUS(sequence.Reserve(tokens.size()));
    for (std::size_t at = 0; at < tokens.size(); at += options_.chunk_tokens) {
      HADAL_TRY_STATUS(CheckCancel());
      const std::size_t count = std::min<std::size_t>(options_.chunk_tokens, tokens.size() - at);
      const model::Chunk chunk{&sequence.state(), tokens.subspan(at, count)};
      HADAL_TRY_STATUS(forward_->Run({&chunk, 1}));
      last_row_ = count - 1;
    }
    return Unit{};
  }

  Result<cache::Sequence> AtDepth(std::uint64_t depth, std::uint64_t seed) {
    auto pool = std::make_shared<cache::Pool>(layout_);
    HADAL_TRY(cache::Sequence sequence, cache::Sequence::Create(pool));
    if (options_.random_fill) {
      HADAL_TRY_STATUS(
          cache::FillRandom(model_.config, Numerics::Stored(), depth, seed, *threads_, &sequence));
    } else {
      HADAL_TRY_STATUS(Read(sequence, DrawTokens(depth)));
    }
    return sequence;
  }

  Status FirstToken() {
    if (report_.first_token_seconds > 0) return Unit{};
    const Stopwatch clock;
    HADAL_TRY(cache::Sequence sequence, AtDepth(0, 0));
    HADAL_TRY_STATUS(Read(sequence, DrawTokens(1)));
    std::vector<float> logits(model_.config.vocab_size);
    forward_->Logits(0, logits);
    report_.first_token_seconds = clock.seconds();
    return Unit{};
  }

  // Weights are mapped: their first use costs a page fault, or a read from disk, which is not what the
  // figures are about. Touches a byte of every page.
  void Warm() {
    on_step_("reading the weights once");
    const io::Checkpoint& checkpoint = model_.checkpoint();
    const std::vector<std::string> names = checkpoint.Names();
    std::atomic<std::uint64_t> sum{0};
    threads_->Run(names.size(), [&](std::size_t i) {
      const auto view = checkpoint.Find(names[i]);
      std::uint64_t bits = 0;
      for (std::size_t at = 0; view.ok() && at < view->data.size(); at += 4096)
        bits ^= std::to_integer<std::uint64_t>(view->data[at]);
      sum += bits;
    });
    warm_ = true;
  }

  // A depth so near to the model's longest context that `room` tokens more do not fit is moved back.
  std::uint64_t Start(std::uint64_t depth, std::uint64_t room) {
    const std::uint64_t last = model_.config.max_position_embeddings;
    const std::uint64_t start = std::min(depth, last - std::min(room, last));
    if (start < depth) {
      const std::string note =
          fmt::format("depth {}: measured from {} on, to end within the context",
                      FormatCount(depth), FormatCount(start));
      if (std::ranges::find(report_.notes, note) == report_.notes.end())
        report_.notes.push_back(note);
    }
    return start;
  }

  Status Prefill(std::uint64_t depth) {
    const std::uint64_t longest = *std::ranges::max_element(options_.prefill);
    const std::uint64_t start = Start(depth, longest);
    if (!Fits(fmt::format("prefill at depth {}", depth), depth + longest, 1)) return Unit{};
    on_step_(fmt::format("filling to depth {}", FormatCount(depth)));
    HADAL_TRY(cache::Sequence prefix, AtDepth(start, 1));
    for (const std::uint64_t count : options_.prefill) {
      on_step_(fmt::format("prefill of {} at depth {}, {} threads", FormatCount(count),
                           FormatCount(depth), threads_->count()));
      std::vector<double> rates, times;
      HADAL_TRY(double seconds, TimeRead(prefix, count));  // warms up
      for (std::size_t sample = 0; sample < options_.repeat; ++sample) {
        double first_seconds = 0;
        if (first_prefix_) {
          HADAL_TRY(first_seconds, TimeRead(*first_prefix_, count));
        }
        HADAL_TRY(seconds, TimeRead(prefix, count));
        rates.push_back(static_cast<double>(count) / seconds);
        times.push_back(first_prefix_ ? first_seconds / seconds : 1);
      }
      const cost::MacsByWork macs = cost::PrefillMacs(cost_, start, count);
      PrefillFigure figure{.tokens = count,
                           .depth = depth,
                           .threads = threads_->count(),
                           .tokens_per_s = machine::Samples::Of(std::move(rates))};
      figure.times_first = machine::Samples::Of(std::move(times)).median;
      figure.flops_per_token = 2 * Sum(macs) / static_cast<double>(count);
      figure.share_of_peak = PeakSeconds(macs, report_.machine, figure.threads) /
                             (static_cast<double>(count) / figure.tokens_per_s.median);
      report_.prefill.push_back(figure);
    }
    if (!first_prefix_) first_prefix_ = std::move(prefix);
    return Unit{};
  }

  // Of reading `count` tokens behind a prefix, with the logits of the last one.
  Result<double> TimeRead(const cache::Sequence& prefix, std::uint64_t count) {
    HADAL_TRY(cache::Sequence sequence, prefix.Fork());
    std::vector<float> logits(model_.config.vocab_size);
    const std::vector<std::int32_t> tokens = DrawTokens(count);
    const Stopwatch clock;
    HADAL_TRY_STATUS(Read(sequence, tokens));
    forward_->Logits(last_row_, logits);
    return clock.seconds();
  }

  double DecodeBytes(std::uint64_t depth, std::uint64_t batch) const {
    const double b = static_cast<double>(batch);
    double experts = 0;
    if (cost_.experts > 0)
      experts = static_cast<double>(cost::ExpertBytes(cost_)) * cost::DistinctExperts(cost_, b) /
                static_cast<double>(cost_.experts);
    const double shared = static_cast<double>(cost::ActiveWeightBytes(cost_)) -
                          static_cast<double>(cost::ActiveExpertBytes(cost_));
    return (shared + experts) / b + static_cast<double>(cost::KvBytesRead(cost_, depth + 1));
  }

  // One step of all sequences, with the logits of each.
  Status Step(std::vector<cache::Sequence>& sequences, std::span<const std::int32_t> tokens,
              std::span<float> logits) {
    std::vector<model::Chunk> batch;
    for (std::size_t i = 0; i < sequences.size(); ++i)
      batch.push_back({&sequences[i].state(), tokens.subspan(i, 1)});
    HADAL_TRY_STATUS(forward_->Run(batch));
    const std::size_t vocab = logits.size();
    batch_logits_.resize(sequences.size() * vocab);
    forward_->Logits(0, View2<float>(batch_logits_.data(), sequences.size(), vocab));
    return Unit{};
  }

  Result<double> TimeSteps(std::vector<cache::Sequence>& sequences, std::size_t steps,
                           std::span<float> logits) {
    HADAL_TRY_STATUS(CheckCancel());
    const std::vector<std::int32_t> tokens = DrawTokens(steps * sequences.size());
    for (cache::Sequence& sequence : sequences) HADAL_TRY_STATUS(sequence.Reserve(steps));
    const Stopwatch clock;
    for (std::size_t s = 0; s < steps; ++s)
      HADAL_TRY_STATUS(Step(
          sequences, std::span(tokens).subspan(s * sequences.size(), sequences.size()), logits));
    return clock.seconds();
  }

  struct DecodeSamples {
    std::vector<double> rates, reads, times_first;  // tokens/s; bytes/s around; of the first's
  };

  Status Decode(std::uint64_t depth, std::uint64_t batch) {
    const std::string what = fmt::format("decode at depth {}, batch {}, {} threads",
                                         FormatCount(depth), batch, threads_->count());
    constexpr std::uint64_t kMostSteps = 256;  // a sample; so the depth stays about the same
    const std::uint64_t room = kMostSteps * (options_.repeat + 2);
    const std::uint64_t start = Start(depth, room), most = start + room;
    if (!Fits(what, most, batch)) return Unit{};
    on_step_(what);
    std::vector<cache::Sequence> sequences;
    const std::uint64_t own_before = AnonymousResidentBytes();
    for (std::uint64_t i = 0; i < batch; ++i) {
      if (i > 0 && !options_.random_fill) {
        HADAL_TRY(cache::Sequence fork, sequences[0].Fork());
        sequences.push_back(std::move(fork));
        continue;
      }
      HADAL_TRY(cache::Sequence sequence, AtDepth(start, 1 + i));
      sequences.push_back(std::move(sequence));
    }
    const std::uint64_t own_after = AnonymousResidentBytes();
    state_rss_ = own_after - std::min(own_before, own_after);
    std::vector<float> logits(model_.config.vocab_size);
    HADAL_TRY(double seconds, TimeSteps(sequences, 1, logits));
    HADAL_TRY(seconds, TimeSteps(sequences, 1, logits));
    const auto steps = static_cast<std::size_t>(
        std::clamp(std::ceil(options_.sample_seconds / std::max(seconds, 1e-9)), 1.0,
                   static_cast<double>(kMostSteps)));
    // On a shared machine memory gives half as much in one second as in the next: what a sample is
    // compared with is measured right before and after it.
    DecodeSamples samples;
    {
      HADAL_TRY(const machine::MemoryReader memory,
                machine::MemoryReader::Create(ReadBytes(), *threads_));
      for (std::size_t sample = 0; sample < options_.repeat; ++sample) {
        double first_rate = 0;
        if (!first_decoded_.empty()) {
          HADAL_TRY(first_rate, FirstDecodeRate(logits));
        }
        const double before = memory.BytesPerSecond(*threads_);
        HADAL_TRY(seconds, TimeSteps(sequences, steps, logits));
        const double rate = static_cast<double>(steps * batch) / seconds;
        samples.rates.push_back(rate);
        samples.reads.push_back((before + memory.BytesPerSecond(*threads_)) / 2);
        samples.times_first.push_back(first_rate > 0 ? rate / first_rate : 1);
      }
    }
    AddDecode(depth, sequences, std::move(samples));
    if (first_decoded_.empty()) {
      first_decoded_ = std::move(sequences);
      first_steps_ = steps;
    }
    return Unit{};
  }

  // The first figure's tokens/s now.
  Result<double> FirstDecodeRate(std::span<float> logits) {
    std::vector<cache::Sequence> forks;
    for (const cache::Sequence& sequence : first_decoded_) {
      HADAL_TRY(cache::Sequence fork, sequence.Fork());
      forks.push_back(std::move(fork));
    }
    HADAL_TRY(const double seconds, TimeSteps(forks, first_steps_, logits));
    return static_cast<double>(first_steps_ * forks.size()) / seconds;
  }

  std::uint64_t ReadBytes() const {
    return BufferBytes(std::uint64_t{1} << (options_.quick ? 27 : 30), options_.ram_bytes);
  }

  void AddDecode(std::uint64_t depth, const std::vector<cache::Sequence>& sequences,
                 DecodeSamples samples) {
    DecodeFigure figure{.depth = depth,
                        .threads = threads_->count(),
                        .batch = sequences.size(),
                        .tokens_per_s = machine::Samples::Of(samples.rates),
                        .read_bytes_per_s = machine::Samples::Of(samples.reads),
                        .times_first = machine::Samples::Of(samples.times_first).median};
    figure.bytes_per_token = DecodeBytes(depth, figure.batch);
    report_.machine.AddReads(figure.threads, samples.reads);
    std::vector<double> shares = std::move(samples.rates);
    for (std::size_t i = 0; i < shares.size(); ++i)
      shares[i] *= figure.bytes_per_token / samples.reads[i];
    figure.share_of_bandwidth = machine::Samples::Of(std::move(shares)).median;
    figure.flops_per_token = 2 * Sum(cost::DecodeMacs(cost_, depth + 1));
    for (const cache::Sequence& sequence : sequences) figure.state_bytes += sequence.bytes();
    if (!options_.random_fill && sequences.size() > 1)  // forks share their full pages
      figure.state_bytes -= (sequences.size() - 1) * sequences[0].full_pages() * layout_.page_bytes;
    figure.rss_bytes = ResidentBytes();
    report_.decode.push_back(figure);
    if (depth * figure.batch >= report_.memory_depth * report_.memory_batch)
      AddMemory(depth, sequences);
  }

  void AddMemory(std::uint64_t depth, const std::vector<cache::Sequence>& sequences) {
    report_.memory_depth = depth;
    report_.memory_batch = sequences.size();
    cost::StateBytes all;
    for (const cache::Sequence& sequence : sequences) {
      const cost::StateBytes one = cost::AllocatedState(
          model_.config, layout_, sequence.state().pages.size() * arch::kPageTokens);
      all.window += one.window;
      all.csa += one.csa;
      all.index_keys += one.index_keys;
      all.hca += one.hca;
      all.tails += one.tails;
      all.mtp_window += one.mtp_window;
      all.padding += one.padding;
    }
    report_.memory = {{"weights, mapped", "weights", model_.checkpoint().tensor_bytes()},
                      {"window entries", "window", all.window},
                      {"CSA entries", "csa", all.csa},
                      {"index keys", "index_keys", all.index_keys},
                      {"HCA entries", "hca", all.hca},
                      {"tails", "tails", all.tails},
                      {"MTP window", "mtp_window", all.mtp_window},
                      {"alignment", "padding", all.padding},
                      {"scratch", "scratch", scratch_bytes_},
                      {"state, as RSS grew by it", "state_rss", state_rss_},
                      {"RSS", "rss", ResidentBytes()},
                      {"RSS without files", "rss_own", AnonymousResidentBytes()},
                      {"peak RSS", "rss_peak", PeakResidentBytes()}};
  }

  void AddCosts(std::uint64_t depth) {
    const cost::BytesByComponent bytes = cost::BytesReadByComponent(cost_, depth + 1);
    const cost::MacsByComponent macs = cost::DecodeMacsByComponent(cost_, depth + 1);
    for (std::size_t i = 0; i < cost::kComponents; ++i) {
      const auto component = static_cast<cost::Component>(i);
      if (bytes[i] == 0 && macs[i] == 0) continue;
      report_.costs.push_back({depth, cost::ComponentName(component), cost::ComponentKey(component),
                               bytes[i], 2 * macs[i]});
    }
  }

  const BenchOptions& options_;
  const model::Model& model_;
  const cost::CostModel cost_;
  const arch::KvLayout layout_;
  const std::function<void(const std::string&)>& on_step_;
  BenchReport& report_;
  Threads* threads_ = nullptr;
  model::Forward* forward_ = nullptr;
  std::uint64_t scratch_bytes_ = 0, state_rss_ = 0;
  // A machine that others share is faster in one minute than in the next: what figures are compared with
  // is sampled in turns with them.
  std::optional<cache::Sequence> first_prefix_;
  std::vector<cache::Sequence> first_decoded_;
  std::size_t first_steps_ = 0;
  std::vector<float> batch_logits_;
  std::size_t last_row_ = 0;
  bool warm_ = false;
  Random random_{1};
};

Status CheckContext(const BenchOptions& options, const arch::Config& config) {
  std::uint64_t longest = 0;
  for (const std::uint64_t depth : options.depth) longest = std::max(longest, depth);
  for (const std::uint64_t depth : options.prefill_depth) longest = std::max(longest, depth);
  for (const std::uint64_t tokens : options.prefill) longest = std::max(longest, tokens);
  if (longest > config.max_position_embeddings)
    return Fail(Code::kInvalid, "{} tokens of context are more than the model's {}", longest,
                config.max_position_embeddings);
  return Unit{};
}

// As the tensors are stored: config.json need not say it.
Result<cost::CostModel> CostOf(const io::Checkpoint& checkpoint, const std::string& name) {
  HADAL_TRY(const arch::AnyConfig config, arch::ParseAnyConfig(checkpoint.config()));
  const auto format_of = [&](const std::string& tensor) {
    const io::TensorInfo* info = checkpoint.Info(tensor);
    return info == nullptr ? std::nullopt : FormatOfCodes(info->dtype);
  };
  return cost::Describe(config, cost::HeldByFormats(format_of), name);
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
  report.model = std::filesystem::path(place + "/.").parent_path().filename().string();
  const Stopwatch clock;
  HADAL_TRY(io::Checkpoint checkpoint, io::Checkpoint::Open(place));
  HADAL_TRY(cost::CostModel cost, CostOf(checkpoint, report.model));
  HADAL_TRY(const model::Model model, model::Model::Load(std::move(checkpoint)));
  report.open_seconds = clock.seconds();
  HADAL_TRY_STATUS(CheckContext(options, model.config));
  on_step("measuring the machine");
  machine::MeasureOptions measure{.quick = options.quick};
  if (options.ram_bytes)
    measure.buffer_bytes =
        BufferBytes(std::uint64_t{4} << (options.quick ? 27 : 30), options.ram_bytes);
  for (const std::uint64_t count : options.threads) measure.threads.push_back(count);
  if (measure.threads.empty()) measure.threads = {Threads::HardwareCount()};
  HADAL_TRY(report.machine, machine::MeasureMachine(measure));
  HADAL_TRY_STATUS(Bench(options, model, std::move(cost), on_step, report).Run());
  return report;
}

}  // namespace hadal::measure
