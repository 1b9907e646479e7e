#include "plan/fleet.h"

#include <algorithm>
#include <cmath>

#include "base/quote.h"
#include "base/units.h"

namespace hadal::plan {
namespace {

constexpr double kSecondsADay = 86400;
constexpr std::uint64_t kMostMachinesACopy = 1024;
constexpr std::uint32_t kMostCopies = 10'000'000;

double Double(std::uint64_t n) { return static_cast<double>(n); }

// Rounded down, and at most 10^18.
std::uint64_t Whole(double n) { return static_cast<std::uint64_t>(std::min(n, 1e18)); }

std::uint64_t Grown(std::uint64_t tokens, double growth) {
  return static_cast<std::uint64_t>(std::llround(Double(tokens) * growth));
}

double MeanContext(const Demand& d) {
  double mean = 0;
  for (const ContextShare& c : d.contexts)
    mean += c.share * Double(Grown(c.tokens, d.context_growth));
  return mean;
}

std::uint64_t LongestWanted(const Demand& d) {
  std::uint64_t longest = 0;
  for (const ContextShare& c : d.contexts)
    longest = std::max(longest, Grown(c.tokens, d.context_growth));
  return longest;
}

double MeanState(const PlannedModel& model, const Demand& d, cost::KvFormat kv) {
  double mean = 0;
  for (const ContextShare& c : d.contexts)
    mean += c.share * Double(model.StateBytes(Grown(c.tokens, d.context_growth), kv));
  return mean;
}

bool AllInMemory(const PlannedModel& model, const Machine& machine, const Load& load) {
  const Placement p = PlacementOf(model, machine, load);
  return p.fits() && !p.streams();
}

// The fewest machines that hold the weights and one sequence of the longest context.
std::uint64_t MachinesACopy(const PlannedModel& model, const FitQuestion& q, const Demand& d) {
  Load load = q.load;
  load.sequences = 1;
  load.context = LongestWanted(d);
  for (load.machines = 1; load.machines <= kMostMachinesACopy; ++load.machines)
    if (AllInMemory(model, q.machine, load)) return load.machines;
  return 0;
}

class Sizer {
 public:
  Sizer(const PlannedModel& model, const FitQuestion& q, const Demand& d)
      : model_(model), q_(q), d_(d), load_(q.load) {
    load_.context = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(MeanContext(d)));
  }

  FleetSize Run() {
    FleetSize fleet;
    fleet.mean_state_bytes = MeanState(model_, d_, load_.kv);
    fleet.machines_a_copy = load_.machines = MachinesACopy(model_, q_, d_);
    fleet.limited_by = "does not fit";
    if (fleet.machines_a_copy == 0) return fleet;
    load_.sequences = 1;
    placement_ = PlacementOf(model_, q_.machine, load_);
    const double room = Double(placement_.capacity - placement_.weights - placement_.scratch);
    const double held = std::max(1.0, std::floor(room / fleet.mean_state_bytes));
    const double by_memory = std::max(1.0, std::ceil(d_.concurrency / held));
    // One sequence a copy: further copies would have nothing to do.
    if (const double busy = SpeedOf(d_.concurrency).busy; busy > 1) {
      fleet.limited_by = fmt::format("needs at least {} sequences at once",
                                     FormatCount(Whole(std::ceil(busy * d_.concurrency))));
      return fleet;
    }
    const double copies = by_memory > kMostCopies ? 0 : FewestCopies(by_memory);
    if (copies == 0) {
      fleet.limited_by =
          fmt::format("more than {} copies", FormatCount(std::uint64_t{kMostCopies}));
      return fleet;
    }
    Fill(copies, copies > by_memory ? "speed" : "memory", &fleet);
    return fleet;
  }

 private:
  struct Speed {
    double decode = 0, each = 0, busy = 0, prompts = 0;
  };
  Speed SpeedOf(double copies) {
    load_.sequences =
        std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(d_.concurrency / copies)));
    const Placement placement = PlacementOf(model_, q_.machine, load_);
    const double each =
        PredictDecode(model_, q_.machine, load_, placement).tokens_per_s / Double(load_.sequences);
    const double decode = each * d_.concurrency;
    // Machines of a copy work on different steps of a prompt at once.
    const double prefill = PredictPrefill(model_, q_.machine, load_, placement).tokens_per_s *
                           std::min(copies, d_.concurrency) * Double(load_.machines);
    const double users = d_.users * d_.peak / kSecondsADay;
    const double prompts = users * d_.prompt_tokens_a_day / prefill;
    return {decode, each, users * d_.output_tokens_a_day / decode + prompts, prompts};
  }
  // 0: more than kMostCopies.
  double FewestCopies(double at_least) {
    const double most = std::min<double>(d_.concurrency, kMostCopies);
    if (SpeedOf(most).busy > 1) return 0;
    double low = at_least - 1, high = at_least;  // low: too few
    while (SpeedOf(high).busy > 1) {
      low = high;
      high = std::min<double>(2 * high, most);
    }
    while (high - low > 1) {
      const double middle = std::floor((low + high) / 2);
      (SpeedOf(middle).busy > 1 ? low : high) = middle;
    }
    return high;
  }
  void Fill(double copies, const char* limited_by, FleetSize* fleet) {
    const Speed speed = SpeedOf(copies);
    fleet->copies = static_cast<std::uint64_t>(copies);
    fleet->machines = fleet->copies * fleet->machines_a_copy;
    fleet->sequences_a_copy = load_.sequences;
    fleet->weight_bytes = copies * Double(placement_.weights);
    fleet->scratch_bytes = copies * Double(placement_.scratch);
    fleet->state_bytes = d_.concurrency * fleet->mean_state_bytes;
    fleet->disk_bytes = d_.users * fleet->mean_state_bytes;
    fleet->decode_tokens_per_s = speed.decode;
    fleet->tokens_per_s_each = speed.each;
    fleet->busy = speed.busy;
    fleet->busy_with_prompts = speed.prompts;
    fleet->limited_by = limited_by;
  }

  const PlannedModel& model_;
  const FitQuestion& q_;
  const Demand& d_;
  Load load_;
  Placement placement_;
};

using Models = std::vector<const PlannedModel*>;

// A fleet may hold more than 64 bits count.
Cell RoundedBytes(double bytes, ByteUnits units) {
  if (bytes < 0x1p63) return Bytes(static_cast<std::uint64_t>(std::llround(bytes)), units);
  const bool binary = units == ByteUnits::kBinary;
  return {bytes, fmt::format("{:.1f} {}", bytes / (binary ? 0x1p60 : 1e18), binary ? "EiB" : "EB")};
}

// A row for each figure, a column for each model, and how many times the second has of the first.
class FleetFigures {
 public:
  FleetFigures(const char* key, std::string title, const Models& models, const FitQuestion& q,
               const Demand& d)
      : q_(q), d_(d) {
    section_.key = key;
    section_.title = std::move(title);
    section_.columns = {{"figure", "figure"}, {"model", ">" + models[0]->cost.name}};
    if (models.size() > 1) {
      section_.columns.push_back({"against", ">" + models[1]->cost.name});
      section_.columns.push_back({"times", ">times"});
    }
    section_.columns.push_back({"basis", "basis"});
    for (const PlannedModel* model : models) sizes_.push_back(SizeFleet(*model, q, d));
    Fill();
  }
  Section Take() && { return std::move(section_); }

 private:
  template <class Value, class Show>
  void Add(const char* figure, const std::string& basis, Value value, Show show) {
    std::vector<Cell> row = {Text(figure)};
    for (const FleetSize& size : sizes_)
      row.push_back(size.machines == 0 ? Nothing() : show(value(size)));
    if (sizes_.size() > 1) {
      const bool both = sizes_[0].machines > 0 && sizes_[1].machines > 0;
      const double first = both ? value(sizes_[0]) : 0;
      row.push_back(first > 0 && value(sizes_[1]) > 0 ? Times(value(sizes_[1]) / first)
                                                      : Nothing());
    }
    row.push_back(Text(basis));
    section_.rows.push_back(std::move(row));
  }
  void Fill() {
    const auto bytes = [this](double b) { return RoundedBytes(b, q_.units); };
    const auto count = [](double n) { return Count(static_cast<std::uint64_t>(n)); };
    const std::string exact = BasisName(Basis::kExact), speed = SpeedBasis(q_.machine);
    using S = const FleetSize&;
    Add(
        "machines", speed, [](S s) { return Double(s.machines); }, count);
    Add(
        "machines a copy of the weights", exact, [](S s) { return Double(s.machines_a_copy); },
        count);
    Add(
        "copies of the weights", speed, [](S s) { return Double(s.copies); }, count);
    Add(
        "sequences a copy", speed, [](S s) { return Double(s.sequences_a_copy); }, count);
    Add(
        "state of one sequence, mean", exact, [](S s) { return s.mean_state_bytes; }, bytes);
    Add(
        "state of all sequences", exact, [](S s) { return s.state_bytes; }, bytes);
    Add(
        "weights in all", speed, [](S s) { return s.weight_bytes; }, bytes);
    Add(
        "scratch in all", speed, [](S s) { return s.scratch_bytes; }, bytes);
    Add(
        "memory used", speed, [](S s) { return s.state_bytes + s.weight_bytes + s.scratch_bytes; },
        bytes);
    AddInstalled(bytes);
    Add(
        "disk, every user's context kept", exact, [](S s) { return s.disk_bytes; }, bytes);
    Add(
        "decode tokens/s there are", speed, [](S s) { return s.decode_tokens_per_s; },
        [](double v) { return Number(v, 0); });
    Add(
        "tokens/s of each sequence", speed, [](S s) { return s.tokens_per_s_each; },
        [](double v) { return Number(v, 2); });
    Add(
        "busy at the peak", speed, [](S s) { return s.busy; }, [](double v) { return Percent(v); });
    Add(
        "of that, with prompts", speed, [](S s) { return s.busy_with_prompts; },
        [](double v) { return Percent(v); });
    AddMoney();
    std::vector<Cell> row = {Text("limited by")};
    for (const FleetSize& size : sizes_) row.push_back(Text(size.limited_by));
    if (sizes_.size() > 1) row.push_back(Nothing());
    row.push_back(Text(speed));
    section_.rows.push_back(std::move(row));
  }
  template <class Show>
  void AddInstalled(Show bytes) {
    const Machine& m = q_.machine;
    const std::string speed = SpeedBasis(m);
    using S = const FleetSize&;
    Add(
        "RAM installed", speed, [&](S s) { return Double(s.machines) * Double(m.ram_bytes); },
        bytes);
    if (m.gpus > 0)
      Add(
          "GPU memory installed", speed,
          [&](S s) { return Double(s.machines) * Double(m.gpus * m.gpu_bytes); }, bytes);
    if (m.nvme_bytes > 0 && m.nvme_size_known)
      Add(
          "disk installed", speed, [&](S s) { return Double(s.machines) * Double(m.nvme_bytes); },
          bytes);
  }
  void AddMoney() {
    const std::string speed = SpeedBasis(q_.machine);
    using S = const FleetSize&;
    if (q_.machine.watts)
      Add(
          "power, kW", speed, [&](S s) { return Double(s.machines) * *q_.machine.watts / 1000; },
          [](double v) { return Number(v, 1); });
    const std::optional<double> usd = UsdPerHour(q_.machine, q_.prices);
    if (!usd) return;
    Add(
        "USD an hour", speed, [&](S s) { return Double(s.machines) * *usd; },
        [](double v) { return Number(v, 2); });
    const double tokens_an_hour = d_.users * d_.output_tokens_a_day / 24;
    if (tokens_an_hour > 0)
      Add(
          "USD per million tokens decoded, prompts included", speed,
          [&](S s) { return Double(s.machines) * *usd / tokens_an_hour * 1e6; },
          [](double v) { return Number(v, 2); });
  }

  const FitQuestion& q_;
  const Demand& d_;
  std::vector<FleetSize> sizes_;
  Section section_;
};

Section Sensitivity(const Models& models, const FitQuestion& q, const Demand& demand) {
  Section section{.key = "sensitivity",
                  .title = "Over context length, all sequences alike",
                  .columns = {{"tokens", ">context"},
                              {"model", "model"},
                              {"state_bytes", ">a sequence"},
                              {"all_state_bytes", ">all sequences"},
                              {"state_share", ">of memory used"},
                              {"machines", ">machines"},
                              {"memory_bytes", ">memory used"},
                              {"limited_by", "limited by"}},
                  .rows = {}};
  for (std::uint64_t tokens = 4096; tokens <= 1 << 20; tokens *= 4)
    for (const PlannedModel* model : models) {
      Demand d = demand;
      d.contexts = {{tokens, 1}};
      d.context_growth = 1;
      const FleetSize size = SizeFleet(*model, q, d);
      const double used = size.state_bytes + size.weight_bytes + size.scratch_bytes;
      const auto bytes = [&](double b) {
        return size.machines == 0 ? Nothing() : RoundedBytes(b, q.units);
      };
      section.rows.push_back({Context(tokens),
                              {model->key, model->cost.name},
                              bytes(size.mean_state_bytes),
                              bytes(size.state_bytes),
                              used > 0 ? Percent(size.state_bytes / used) : Nothing(),
                              size.machines > 0 ? Count(size.machines) : Nothing(),
                              bytes(used),
                              Text(size.limited_by)});
    }
  return section;
}

std::string Contexts(const std::vector<ContextShare>& contexts) {
  std::string out;
  for (const ContextShare& c : contexts)
    out += fmt::format("{}{:.4g}% at {}", out.empty() ? "" : ", ", 100 * c.share,
                       ContextName(c.tokens));
  return out;
}

std::string Rounded(double n) { return FormatCount(Whole(std::round(n))); }

std::vector<std::string> DemandNotes(const Demand& d) {
  return {
      fmt::format("{} users, {} sequences under way at the peak.", Rounded(d.users),
                  Rounded(d.concurrency)),
      fmt::format("Contexts: {}; mean {} tokens.", Contexts(d.contexts), Rounded(MeanContext(d))),
      fmt::format("A user's day: {} tokens decoded, {} of prompts that no cache holds; the peak is "
                  "{:.3g} times the mean.",
                  Rounded(d.output_tokens_a_day), Rounded(d.prompt_tokens_a_day), d.peak),
      "Every machine of the fleet is alike; a copy of the weights serves any sequence; no spares.",
      "Disks do not decide how many machines there are: compare those wanted with those installed.",
      "Speed is that of the mean context; state in memory is that of each context, in whole pages.",
      "Compression makes state smaller; weights, their copies and their reading are as before."};
}

Json DemandJson(const Demand& d) {
  Json::Array contexts;
  for (const ContextShare& c : d.contexts)
    contexts.push_back(Json::MakeObject({{"tokens", c.tokens}, {"share", c.share}}));
  return Json::MakeObject({{"users", d.users},
                           {"concurrency", d.concurrency},
                           {"output_tokens_a_day", d.output_tokens_a_day},
                           {"prompt_tokens_a_day", d.prompt_tokens_a_day},
                           {"peak", d.peak},
                           {"context_growth", d.context_growth},
                           {"contexts", std::move(contexts)}});
}

}  // namespace

Result<std::vector<ContextShare>> ContextSharesFlag(const std::string& flag,
                                                    const std::string& text) {
  std::vector<ContextShare> shares;
  double sum = 0;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    const std::size_t colon = std::min(part.find(':'), part.size());
    HADAL_TRY(const std::uint64_t tokens, ContextFlag(flag, part.substr(0, colon)));
    const std::string number = colon < part.size() ? part.substr(colon + 1) : "";
    char* rest = nullptr;
    const double share = std::strtod(number.c_str(), &rest);
    if (number.empty() || *rest != '\0' || !(share > 0 && share <= 1))
      return Fail(Code::kInvalid,
                  "{}: found {}, expected TOKENS:SHARE with a share above 0, at most 1", flag,
                  Quote(part));
    shares.push_back({tokens, share});
    sum += share;
    begin = end + 1;
  }
  if (std::fabs(sum - 1) > 1e-6)
    return Fail(Code::kInvalid, "{}: the shares of {} sum to {:.6g}, expected 1", flag, Quote(text),
                sum);
  return shares;
}

Status CheckDemand(const Demand& d) {
  const auto check = [](const char* flag, double value, double low, double high) -> Status {
    if (value >= low && value <= high) return Unit{};
    return Fail(Code::kInvalid, "{}: found {}, expected {} to {}", flag, value, low, high);
  };
  const auto whole = [&](const char* flag, double value, double low, double high) -> Status {
    HADAL_TRY_STATUS(check(flag, value, low, high));
    if (value == std::floor(value)) return Unit{};
    return Fail(Code::kInvalid, "{}: found {}, expected a whole number", flag, value);
  };
  HADAL_TRY_STATUS(whole("--users", d.users, 1, 1e10));
  HADAL_TRY_STATUS(whole("--concurrency", d.concurrency, 1, d.users));
  HADAL_TRY_STATUS(check("--output-tokens", d.output_tokens_a_day, 0, 1e9));
  HADAL_TRY_STATUS(check("--prompt-tokens", d.prompt_tokens_a_day, 0, 1e10));
  HADAL_TRY_STATUS(check("--peak", d.peak, 1, 1000));
  HADAL_TRY_STATUS(check("--context-growth", d.context_growth, 0.001, 1000));
  for (const ContextShare& c : d.contexts) {
    const std::uint64_t grown = Grown(c.tokens, d.context_growth);
    if (grown >= 1 && grown <= kMostTokens) continue;
    return Fail(Code::kInvalid,
                "--context-growth: found {}, which makes {} tokens of {}, expected 1 "
                "to {}",
                d.context_growth, FormatCount(grown), FormatCount(c.tokens),
                FormatCount(kMostTokens));
  }
  return Unit{};
}

FleetSize SizeFleet(const PlannedModel& model, const FitQuestion& question, const Demand& demand) {
  return Sizer(model, question, demand).Run();
}

Report Fleet(const PlannedModel& model, const std::optional<PlannedModel>& against,
             const FitQuestion& q, const Demand& demand) {
  Models models = {&model};
  if (against) models.push_back(&*against);
  Report report;
  report.title = fmt::format("A fleet of {} for {}", q.machine.name, model.cost.name);
  Json::Array described;
  for (const PlannedModel* m : models) described.push_back(ModelJson(*m));
  report.facts.Set("machine", MachineJson(q.machine));
  report.facts.Set("demand", DemandJson(demand));
  report.facts.Set("models", std::move(described));
  Demand now = demand;
  now.context_growth = 1;
  report.sections.push_back(FleetFigures("fleet", "", models, q, now).Take());
  if (demand.context_growth != 1)
    report.sections.push_back(FleetFigures("what_if",
                                           fmt::format("What if contexts were {:.3g} times as long",
                                                       demand.context_growth),
                                           models, q, demand)
                                  .Take());
  report.sections.push_back(Sensitivity(models, q, demand));
  report.notes = DemandNotes(now);
  for (std::string& note : PredictionNotes(q.machine, q.load)) report.notes.push_back(note);
  for (const PlannedModel* m : models)
    for (std::string& note : ModelNotes({*m})) report.notes.push_back(std::move(note));
  for (std::string& note : PriceNotes(q)) report.notes.push_back(std::move(note));
  for (const PlannedModel* m : models)
    if (LongestWanted(demand) > m->cost.max_context)
      report.notes.push_back(fmt::format("{}: counted beyond its own limit of {} tokens.",
                                         m->cost.name, FormatCount(m->cost.max_context)));
  return report;
}

}  // namespace hadal::plan
