#include "plan/predict.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "cost/engine_products.h"
#include "cost/streamed.h"

namespace hadal::plan {
namespace {

using cost::Component;
using cost::Work;

double Double(std::uint64_t n) { return static_cast<double>(n); }

struct Rate {
  double flops_per_s;
  const char* name;
};

Rate GpuRate(const Machine& m, Work work) {
  const double gpus = Double(m.gpus);
  switch (work) {
    case Work::kCompressor:
    case Work::kBf16Matrix:
    case Work::kCoreAttention:
      return {gpus * m.gpu_bf16_flops, "BF16 arithmetic (GPU)"};
    default:
      return {gpus * m.gpu_fp8_flops, "FP8 arithmetic (GPU)"};
  }
}

// The processor does what the engine's kernels do; what the engine does not have it does at BF16's
// rate.
Rate ProcessorRate(const Machine& m, Work work) {
  const std::optional<kernels::Product> product = cost::EngineProduct(work);
  if (!product) return {m.bf16_flops, "BF16 arithmetic"};
  switch (kernels::ArithmeticOf(*product)) {
    case kernels::Arithmetic::kF32Fma:
      return {m.f32_flops, "FP32 arithmetic"};
    case kernels::Arithmetic::kBf16Dot:
      return {m.bf16_flops, "BF16 arithmetic"};
    case kernels::Arithmetic::kInt16Dot:
      return {m.int16_ops, "int16 arithmetic"};
    case kernels::Arithmetic::kInt8Dot:
      break;
  }
  return {m.int8_ops, "int8 arithmetic"};
}

double BandwidthOf(const Machine& m, Memory where) {
  switch (where) {
    case Memory::kGpu:
      return Double(m.gpus) * m.gpu_bytes_per_s;
    case Memory::kRam:
      return m.dram_bytes_per_s;
    case Memory::kDisk:
      break;
  }
  return m.nvme_bytes_per_s;
}

PerMemory SharesOf(const PerMemory& bytes) {
  double all = 0;
  for (const double part : bytes) all += part;
  PerMemory shares = {};
  for (std::size_t i = 0; i < kMemories; ++i) shares[i] = all > 0 ? bytes[i] / all : 0;
  if (all == 0) shares[static_cast<std::size_t>(Memory::kRam)] = 1;
  return shares;
}

// Fills memories in their order.
class Filler {
 public:
  Filler(const Machine& m, std::uint64_t machines) {
    const double count = Double(machines);
    free_ = {count * Double(m.gpus * m.gpu_bytes), count * Double(m.ram_bytes - m.reserved_bytes),
             count * Double(m.nvme_bytes)};
  }
  // What found no place.
  double Put(double bytes, bool disk_allowed, PerMemory* out) {
    for (std::size_t i = 0; i < (disk_allowed ? kMemories : kMemories - 1); ++i) {
      const double part = std::min(bytes, free_[i]);
      (*out)[i] += part;
      free_[i] -= part;
      bytes -= part;
    }
    return bytes;
  }

 private:
  PerMemory free_;
};

enum class Phase { kDecode, kPrefill };

// Adds up the times of one component after another, and those of reading from disk apart.
class Clock {
 public:
  // Of the engine's kernels if their rates are known, else of the machine's limits.
  Clock(const PlannedModel& model, const Machine& machine, Phase phase)
      : machine_(machine), phase_(phase) {
    if (!machine.engine || !model.has_rates()) return;
    if (phase == Phase::kDecode || machine.engine->knows_many_rows()) engine_ = &*machine.engine;
  }

  template <class Group>
  void Add(const Group& group, const PerMemory& shares, double bytes, double macs) {
    const Component component = group.component;
    Term& term = terms_[component];
    double seconds = 0;
    for (std::size_t i = 0; i < kMemories; ++i) {
      if (shares[i] == 0) continue;
      const auto memory = static_cast<Memory>(i);
      const Limits limits = LimitsIn(memory == Memory::kDisk ? Memory::kRam : memory, group.work);
      const double read = shares[i] * bytes / limits.bytes_per_s;
      const double computed = shares[i] * 2 * macs / limits.flops_per_s;
      seconds += std::max(read, computed);
      bounds_[component][read >= computed ? limits.reading : limits.computing] +=
          std::max(read, computed);
    }
    const double from_disk = shares[std::size_t(Memory::kDisk)] * bytes;
    disk_bytes_ += from_disk;
    if (from_disk > 0)
      disk_ += cost::SharesOf(group) * (from_disk / BandwidthOf(machine_, Memory::kDisk));
    rest_ += cost::SharesOf(group) * seconds;
    term.seconds += seconds;
    term.bytes += bytes;
    term.flops += 2 * macs;
  }

  // `share` of the limits is reached; `guessed` as cost::HiddenSeconds.
  Prediction Finish(double share, double guessed) {
    if (engine_ != nullptr) share = 1;
    Prediction prediction;
    prediction.disk_bytes = disk_bytes_;
    prediction.disk_seconds = disk_.sum();
    const cost::ByRouting rest = rest_ * (1 / share);
    const double hidden = phase_ == Phase::kPrefill ? std::min(disk_.sum(), rest.sum())
                                                    : cost::HiddenSeconds(disk_, rest, guessed);
    for (auto& [component, term] : terms_) {
      auto& bounds = bounds_[component];
      term.seconds /= share;
      for (auto& [name, seconds] : bounds) seconds /= share;
      if (component == Component::kExperts && disk_bytes_ > 0) {
        term.seconds += disk_.sum() - hidden;
        bounds[std::string("reading ") + MemoryName(Memory::kDisk)] += disk_.sum() - hidden;
      }
      if (term.seconds == 0) continue;
      term.name = cost::ComponentName(component);
      term.bound = std::max_element(bounds.begin(), bounds.end(), [](const auto& a, const auto& b) {
                     return a.second < b.second;
                   })->first;
      prediction.seconds += term.seconds;
      prediction.terms.push_back(term);
    }
    std::ranges::stable_sort(prediction.terms, std::greater<>(), &Term::seconds);
    return prediction;
  }

 private:
  struct Limits {
    double bytes_per_s, flops_per_s;
    std::string reading, computing;  // what it is called to be bound by them
  };
  Limits LimitsIn(Memory where, Work work) const {
    const Rate rate =
        where == Memory::kGpu ? GpuRate(machine_, work) : ProcessorRate(machine_, work);
    Limits limits{BandwidthOf(machine_, where), rate.flops_per_s,
                  std::string("reading ") + MemoryName(where), rate.name};
    if (engine_ == nullptr || where != Memory::kRam) return limits;
    const KernelLimits kernel =
        phase_ == Phase::kDecode ? LimitsOf(*engine_, work) : LimitsOfManyRows(*engine_, work);
    if (kernel.bytes_per_s) {
      limits.bytes_per_s = *kernel.bytes_per_s;
      limits.reading = kernel.name;
    }
    if (kernel.ops_per_s) {
      limits.flops_per_s = *kernel.ops_per_s;
      limits.computing = kernel.name;
    }
    return limits;
  }

  const Machine& machine_;
  const Phase phase_;
  const EngineRates* engine_ = nullptr;
  double disk_bytes_ = 0;
  cost::ByRouting disk_, rest_;  // seconds
  std::map<Component, Term> terms_;
  std::map<Component, std::map<std::string, double>> bounds_;
};

struct Shares {
  PerMemory common, experts, state;
  Shares(const Placement& p, const Load& load)
      : common(SharesOf(p.common)), experts(SharesOf(p.experts)), state(SharesOf(p.kept_state)) {
    if (!p.streams() || !load.expert_hits) return;
    const auto disk = std::size_t(Memory::kDisk);
    const double kept = 1 - experts[disk], hits = *load.expert_hits;
    for (std::size_t i = 0; i < disk; ++i) experts[i] *= kept > 0 ? hits / kept : 0;
    experts[disk] = kept > 0 ? 1 - hits : 1;
  }
};

// `times`: how often the weights are read; `tokens`: how many tokens each time.
void AddWeights(const cost::CostModel& model, const Shares& shares, double times, double tokens,
                double logits, Clock* clock) {
  const double experts_read =
      model.experts == 0 ? 0
                         : cost::DistinctExperts(model, tokens) / Double(model.experts_per_token);
  for (const cost::WeightGroup& group : model.weights) {
    if (group.component == Component::kMtp) continue;
    const bool routed = group.component == Component::kExperts;
    const bool lookup = group.component == Component::kEmbedding;
    const double reads = group.for_logits ? std::min(times, logits) : times;
    const double bytes = Double(group.active_bytes) *
                         (routed   ? experts_read
                          : lookup ? tokens
                                   : 1) *
                         reads;
    clock->Add(group, routed ? shares.experts : shares.common, bytes,
               Double(group.macs) * (group.for_logits ? logits : times * tokens));
  }
}

// floor(a / m) + floor(2 a / m) + ... + floor(n a / m), as Euclid's algorithm goes.
std::uint64_t SumOfFloors(std::uint64_t n, std::uint64_t m, std::uint64_t a) {
  std::uint64_t sum = 0, b = 0;
  for (++n;;) {  // of floor((a i + b) / m) over i = 0 .. n - 1
    sum += n * (n - 1) / 2 * (a / m) + n * (b / m);
    a %= m;
    b %= m;
    const std::uint64_t last = a * n + b;
    if (last < m) return sum;
    n = last / m;
    b = last % m;
    std::swap(m, a);
  }
}

// Entries that are there at the ends of all prefill steps, each of which reads them once.
double EntriesOverSteps(const cost::KvGroup& group, std::uint64_t context, std::uint64_t rows) {
  const std::uint64_t full = (context - 1) / rows;  // steps before the last
  const std::uint64_t most = group.max_entries, tokens = group.tokens_per_entry;
  const std::uint64_t growing = most == 0 ? full : std::min(full, (most * tokens - 1) / rows);
  return Double(SumOfFloors(growing, tokens, rows)) + Double(full - growing) * Double(most) +
         Double(group.Entries(context));
}

// What no token passes through: the MTP block, and tensors that are no part of the model.
std::uint64_t IdleBytes(const cost::CostModel& model) {
  const auto bytes = cost::WeightBytesByComponent(model);
  return bytes[std::size_t(Component::kMtp)] + bytes[std::size_t(Component::kOther)];
}

}  // namespace

const char* MemoryName(Memory memory) {
  constexpr const char* kNames[kMemories] = {"GPU memory", "RAM", "disk"};
  return kNames[static_cast<std::size_t>(memory)];
}

std::string Prediction::dominated_by() const {
  return terms.empty() ? "" : terms[0].name + ": " + terms[0].bound;
}

Placement PlacementOf(const PlannedModel& model, const Machine& machine, const Load& load) {
  Placement p;
  const std::uint64_t idle = IdleBytes(model.cost), experts = cost::ExpertBytes(model.cost);
  p.weights = cost::WeightBytes(model.cost);
  p.state = load.sequences * model.StateBytes(load.context, load.kv);
  p.scratch = load.machines * model.ScratchBytes(load.rows, machine.cores);
  p.capacity = load.machines *
               (machine.gpus * machine.gpu_bytes + machine.ram_bytes - machine.reserved_bytes);
  Filler filler(machine, load.machines);
  const bool disk = machine.nvme_bytes > 0;
  double missing = filler.Put(Double(p.state + p.scratch), false, &p.kept_state);
  missing += filler.Put(Double(p.weights - idle - experts), false, &p.common);
  const double wanted = Double(experts) * (disk ? load.experts_in_memory : 1);
  double rest = filler.Put(wanted, false, &p.experts) + Double(experts) - wanted;
  rest += filler.Put(Double(idle), false, &p.idle);
  if (disk) {
    PerMemory on_disk = {};
    rest = filler.Put(rest, true, &on_disk);
    const double left = Double(experts) - p.experts[0] - p.experts[1];
    p.experts[2] = std::max(0.0, left);
    p.idle[2] = Double(idle) - p.idle[0] - p.idle[1];
  }
  p.missing = static_cast<std::uint64_t>(std::ceil(missing + rest));
  return p;
}

Prediction PredictDecode(const PlannedModel& model, const Machine& machine, const Load& load,
                         const Placement& placement) {
  const Shares shares(placement, load);
  const double sequences = Double(load.sequences);
  const double in_flight = std::min(sequences, Double(load.machines));
  const double batch = sequences / in_flight;
  Clock clock(model, machine, Phase::kDecode);
  AddWeights(model.cost, shares, 1, batch, batch, &clock);
  for (const cost::KvGroup& group : model.cost.kv) {
    if (group.mtp()) continue;
    const double reads = batch * Double(group.layers * group.Reads(load.context));
    clock.Add(group, shares.state, reads * Double(group.Bytes(load.kv)),
              reads * Double(group.macs_per_read));
  }
  Prediction prediction = clock.Finish(machine.decode_share, load.expert_guesses);
  prediction.tokens_per_s = sequences / prediction.seconds;
  prediction.distinct_experts = cost::DistinctExperts(model.cost, batch);
  return prediction;
}

Prediction PredictPrefill(const PlannedModel& model, const Machine& machine, const Load& load,
                          const Placement& placement) {
  const Shares shares(placement, load);
  const std::uint64_t steps = (load.context + load.rows - 1) / load.rows;
  const double rows = Double(load.context) / Double(steps);
  Clock clock(model, machine, Phase::kPrefill);
  AddWeights(model.cost, shares, Double(steps), rows, 1, &clock);
  for (const cost::KvGroup& group : model.cost.kv) {
    if (group.mtp()) continue;
    clock.Add(group, shares.state,
              Double(group.layers * group.Bytes(load.kv)) *
                  EntriesOverSteps(group, load.context, load.rows),
              Double(group.layers * group.prefill_macs_per_read) *
                  Double(group.ReadsOver(0, load.context)));
  }
  Prediction prediction = clock.Finish(machine.prefill_share, load.expert_guesses);
  prediction.tokens_per_s = Double(load.context) / prediction.seconds;
  prediction.distinct_experts = cost::DistinctExperts(model.cost, rows);
  return prediction;
}

std::uint64_t LongestContext(const PlannedModel& model, const Machine& machine, Load load,
                             bool experts_on_disk) {
  const auto fits = [&](std::uint64_t context) {
    load.context = context;
    const Placement p = PlacementOf(model, machine, load);
    return p.fits() && (experts_on_disk || !p.streams());
  };
  if (!fits(1)) return 0;
  std::uint64_t low = 1, high = model.cost.max_context + 1;  // fits(low), and high is out of bounds
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    (fits(middle) ? low : high) = middle;
  }
  return low;
}

std::uint64_t MostSequences(const PlannedModel& model, const Machine& machine, const Load& load,
                            bool experts_on_disk) {
  Load one = load;
  one.sequences = 1;
  const Placement p = PlacementOf(model, machine, one);
  if (experts_on_disk && !p.fits()) return 0;
  const bool streams = experts_on_disk && machine.nvme_bytes > 0;
  const std::uint64_t movable = streams ? cost::ExpertBytes(model.cost) + IdleBytes(model.cost) : 0;
  const std::uint64_t on_disk = std::min(movable, load.machines * machine.nvme_bytes);
  const std::uint64_t others = p.weights - on_disk + p.scratch;
  return p.capacity <= others ? 0 : (p.capacity - others) / p.state;
}

std::optional<double> UsdPerHour(const Machine& machine, const Prices& prices) {
  constexpr double kHoursAYear = 8766;
  if (prices.usd_per_hour) return prices.usd_per_hour;
  if (prices.years <= 0 || !prices.usd_per_kwh) return machine.usd_per_hour;
  if (!machine.usd || !machine.watts) return {};
  return *machine.usd / (prices.years * kHoursAYear) + *machine.watts / 1000 * *prices.usd_per_kwh;
}

}  // namespace hadal::plan
