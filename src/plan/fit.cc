#include "plan/fit.h"

#include <algorithm>
#include <cmath>

#include "base/units.h"

namespace hadal::plan {
namespace {

constexpr std::uint64_t kMostSequencesShown = 64;

Cell Speed(double tokens_per_s) {
  return {tokens_per_s, fmt::format("{:.{}f}", tokens_per_s, tokens_per_s < 100 ? 2 : 0)};
}

std::uint64_t Whole(double bytes) { return static_cast<std::uint64_t>(bytes); }

std::string Verdict(const Placement& p, ByteUnits units) {
  if (!p.fits()) return "no, " + Bytes(p.missing, units).text + " too much";
  if (!p.streams()) return "yes";
  const double all = p.experts[0] + p.experts[1] + p.experts[2];
  return fmt::format("{:.0f}% of the experts from disk", 100 * p.experts[2] / all);
}

const char* VerdictKey(const Placement& p) {
  return !p.fits() ? "no" : p.streams() ? "streams_experts" : "yes";
}

// With the hits of the profile, if there is one, where experts stay on disk.
Load WithHits(const FitQuestion& q, Load load, const Placement& p) {
  const double all = p.experts[0] + p.experts[1] + p.experts[2];
  if (q.profile && p.streams()) load.expert_hits = q.profile->HitsOf(1 - p.experts[2] / all);
  return load;
}

struct Fitted {
  Placement placement;
  std::optional<Prediction> decode, prefill;
};

Fitted FitOne(const PlannedModel& model, const FitQuestion& q) {
  Fitted f{.placement = PlacementOf(model, q.machine, q.load), .decode = {}, .prefill = {}};
  if (!f.placement.fits()) return f;
  const Load load = WithHits(q, q.load, f.placement);
  f.decode = PredictDecode(model, q.machine, load, f.placement);
  f.prefill = PredictPrefill(model, q.machine, load, f.placement);
  return f;
}

Section Summary(const std::vector<PlannedModel>& models, const FitQuestion& q) {
  Section section{.key = "fit",
                  .title = {},
                  .columns = {{"model", "model"},
                              {"weight_bytes", ">weights"},
                              {"state_bytes", ">all sequences"},
                              {"scratch_bytes", ">scratch"},
                              {"needed_bytes", ">needed"},
                              {"capacity_bytes", ">there is"},
                              {"fits", "fits"},
                              {"longest_context", ">longest context"},
                              {"longest_context_with_experts_on_disk", ">experts on disk"},
                              {"most_sequences", ">sequences in memory"},
                              {"decode_tokens_per_s", ">decode tokens/s"},
                              {"prefill_seconds", ">prefill"}},
                  .rows = {}};
  for (const PlannedModel& model : models) {
    const Fitted f = FitOne(model, q);
    const Placement& p = f.placement;
    section.rows.push_back({{model.key, model.cost.name},
                            Bytes(p.weights, q.units),
                            Bytes(p.state, q.units),
                            Bytes(p.scratch, q.units),
                            Bytes(p.weights + p.state + p.scratch, q.units),
                            Bytes(p.capacity, q.units),
                            {VerdictKey(p), Verdict(p, q.units)},
                            Context(LongestContext(model, q.machine, q.load, false)),
                            Context(LongestContext(model, q.machine, q.load, true)),
                            Count(MostSequences(model, q.machine, q.load, false)),
                            f.decode ? Speed(f.decode->tokens_per_s) : Nothing(),
                            f.prefill ? Seconds(f.prefill->seconds) : Nothing()});
  }
  return section;
}

class Figures {
 public:
  explicit Figures(const FitQuestion& q) : q_(q) {}

  void Add(const PlannedModel& model) {
    model_ = {model.key, model.cost.name};
    const Fitted f = FitOne(model, q_);
    const Placement& p = f.placement;
    AddExact("weights", Bytes(p.weights, q_.units));
    AddExact("one sequence", Bytes(model.StateBytes(q_.load.context, q_.load.kv), q_.units));
    for (std::size_t i = 0; i < kMemories; ++i) {
      const double bytes = p.common[i] + p.experts[i] + p.kept_state[i] + p.idle[i];
      if (bytes > 0)
        AddExact(fmt::format("{} {}", static_cast<Memory>(i) == Memory::kDisk ? "on" : "in",
                             MemoryName(static_cast<Memory>(i))),
                 Bytes(Whole(bytes), q_.units));
    }
    AddExact("longest context, all in memory",
             Context(LongestContext(model, q_.machine, q_.load, false)));
    const bool streams = q_.machine.nvme_bytes > 0 && model.cost.experts > 0;
    if (streams)
      AddExact("longest context, experts on disk",
               Context(LongestContext(model, q_.machine, q_.load, true)));
    AddExact("most sequences, all in memory",
             Count(MostSequences(model, q_.machine, q_.load, false)));
    if (streams)
      AddExact("most sequences, experts on disk",
               Count(MostSequences(model, q_.machine, q_.load, true)));
    if (!f.decode) return;
    if (p.streams()) {
      AddEstimate(
          "read from disk, a token decoded",
          Bytes(Whole(f.decode->disk_bytes / static_cast<double>(q_.load.sequences)), q_.units));
      AddEstimate("read from disk, the prompt", Bytes(Whole(f.prefill->disk_bytes), q_.units));
    }
    AddSpeed("decode, tokens/s", Speed(f.decode->tokens_per_s), *f.decode);
    AddSpeed("time to first token", Seconds(f.prefill->seconds), *f.prefill);
    AddSpeed("prefill, tokens/s", Speed(f.prefill->tokens_per_s), *f.prefill);
    if (const auto usd = UsdPerHour(q_.machine, q_.prices)) {
      const double hour = *usd * static_cast<double>(q_.load.machines);
      AddSpeed("USD per million tokens decoded",
               Number(hour / (f.decode->tokens_per_s * 3600) * 1e6, 2), *f.decode);
      AddSpeed("USD per million tokens of prompt",
               Number(hour / (f.prefill->tokens_per_s * 3600) * 1e6, 3), *f.prefill);
    }
  }

  Section Take() && { return std::move(section_); }

 private:
  void AddExact(const std::string& name, Cell value) {
    section_.rows.push_back(
        {model_, Text(name), std::move(value), Text(BasisName(Basis::kExact)), Text("")});
  }
  void AddEstimate(const std::string& name, Cell value) {
    section_.rows.push_back(
        {model_, Text(name), std::move(value), Text(BasisName(Basis::kEstimated)), Text("")});
  }
  void AddSpeed(const std::string& name, Cell value, const Prediction& prediction) {
    section_.rows.push_back({model_, Text(name), std::move(value), Text(SpeedBasis(q_.machine)),
                             Text(prediction.dominated_by())});
  }

  const FitQuestion& q_;
  Cell model_;
  Section section_{.key = "figures",
                   .title = "Figures",
                   .columns = {{"model", "model"},
                               {"figure", "figure"},
                               {"value", ">value"},
                               {"basis", "basis"},
                               {"dominated_by", "dominated by"}},
                   .rows = {}};
};

Section SpeedSection(const char* key, const char* title, Column first) {
  return {.key = key,
          .title = title,
          .columns = {{"model", "model"},
                      std::move(first),
                      {"tokens_per_s", ">tokens/s"},
                      {"tokens_per_s_each", ">each"},
                      {"distinct_experts", ">experts read a layer"},
                      {"seconds", ">a step"},
                      {"dominated_by", "dominated by"}},
          .rows = {}};
}

// Nothing where it does not fit.
void AddSpeedRow(const PlannedModel& model, const FitQuestion& q, const Load& load, Cell first,
                 Section* section) {
  const Placement placement = PlacementOf(model, q.machine, load);
  if (!placement.fits()) return;
  const Prediction p = PredictDecode(model, q.machine, WithHits(q, load, placement), placement);
  section->rows.push_back({{model.key, model.cost.name},
                           std::move(first),
                           Speed(p.tokens_per_s),
                           Speed(p.tokens_per_s / static_cast<double>(load.sequences)),
                           Number(p.distinct_experts, 1),
                           Seconds(p.seconds),
                           Text(p.dominated_by())});
}

Section ByBatch(const std::vector<PlannedModel>& models, const FitQuestion& q) {
  Section section =
      SpeedSection("by_batch", "Decode over sequences at a time", {"sequences", ">sequences"});
  for (const PlannedModel& model : models) {
    for (std::uint64_t n = 1; n <= kMostSequencesShown; n *= 2) {
      Load load = q.load;
      load.sequences = n;
      AddSpeedRow(model, q, load, Count(n), &section);
    }
  }
  return section;
}

Section ByContext(const std::vector<PlannedModel>& models, const FitQuestion& q) {
  constexpr std::uint64_t kContexts[] = {1024,   4096,   16384,  32768,  65536,
                                         131072, 262144, 524288, 1048576};
  Section section = SpeedSection("by_context", "Decode over context", {"tokens", ">context"});
  for (const PlannedModel& model : models)
    for (const std::uint64_t n : kContexts) {
      if (n > model.cost.max_context) continue;
      Load load = q.load;
      load.context = n;
      AddSpeedRow(model, q, load, Context(n), &section);
    }
  return section;
}

Section ByExperts(const std::vector<PlannedModel>& models, const FitQuestion& q) {
  Section section =
      SpeedSection("by_experts_in_memory", "Decode over the share of experts kept in memory",
                   {"share", ">kept"});
  if (q.machine.nvme_bytes == 0) return section;
  for (const PlannedModel& model : models)
    for (const double share : {1.0, 0.75, 0.5, 0.25, 0.0}) {
      Load load = q.load;
      load.experts_in_memory = share;
      const Placement placement = PlacementOf(model, q.machine, load);
      const double experts = placement.experts[0] + placement.experts[1];
      const auto all = static_cast<double>(cost::ExpertBytes(model.cost));
      if (all == 0 || experts < share * all - 1) continue;  // memory holds fewer than that
      AddSpeedRow(model, q, load, Percent(share), &section);
    }
  return section;
}

Json LoadJson(const FitQuestion& q) {
  return Json::MakeObject({{"context", q.load.context},
                           {"sequences", q.load.sequences},
                           {"machines", q.load.machines},
                           {"prefill_rows", q.load.rows},
                           {"kv", cost::KvFormatName(q.load.kv)}});
}

std::string Rate(double per_s) {
  const double giga = per_s / 1e9;
  return giga < 1000 ? fmt::format("{:.1f}", giga)
                     : FormatCount(static_cast<std::uint64_t>(std::llround(giga)));
}

}  // namespace

std::string SpeedBasis(const Machine& machine) {
  return fmt::format("{} ({} rates)", BasisName(Basis::kEstimated),
                     machine.measured ? "measured" : "nominal");
}

std::vector<std::string> PredictionNotes(const Machine& machine, const Load& load) {
  std::vector<std::string> notes;
  notes.push_back(fmt::format("{}: {}; figures {} ({}).", machine.name, machine.about,
                              machine.measured ? "measured" : "nominal", machine.source));
  for (const std::string& note : machine.notes) notes.push_back(machine.name + ": " + note + ".");
  if (machine.engine)
    notes.push_back(
        fmt::format("{} of the engine's models: rates of its kernels, measured ({}), in "
                    "place of a share; "
                    "element-wise work is not counted.",
                    machine.engine->knows_many_rows() ? "Decoding and prefill" : "Decoding",
                    machine.engine->source));
  notes.push_back(fmt::format(
      "{} are rooflines at {:.0f}% of the memory and arithmetic limits in decoding and {:.0f}% "
      "in prefill{}.",
      machine.engine ? "Other speeds" : "Speeds", 100 * machine.decode_share,
      100 * machine.prefill_share,
      machine.decode_share == 1 && machine.prefill_share == 1 ? ": upper bounds" : ""));
  notes.push_back(
      fmt::format("Prefill in steps of {} tokens, each reading the weights once.", load.rows));
  notes.push_back(
      load.expert_hits
          ? fmt::format(
                "{:.0f}% of the experts that tokens choose are in memory, where not all are; "
                "the others are read from disk for it.",
                100 * *load.expert_hits)
          : std::string("Tokens choose their experts evenly; those that are not in memory are read "
                        "from disk for it, in prefill once a step."));
  if (machine.nvme_bytes > 0)
    notes.push_back(fmt::format(
        "Reading experts from disk goes on beside computing in prefill, in layers that route by "
        "the token's id, and of other layers for {:.0f}% that are guessed.",
        100 * load.expert_guesses));
  if (load.machines > 1)
    notes.push_back(
        fmt::format("{} machines hold consecutive layers of one copy; links between "
                    "them are not counted.",
                    load.machines));
  if (machine.gpus > 1) notes.push_back("Links between GPUs are not counted.");
  return notes;
}

std::vector<std::string> PriceNotes(const FitQuestion& q) {
  if (UsdPerHour(q.machine, q.prices)) return {};
  return {
      "No price: give --usd-per-hour, or a catalogue with usd and watts, "
      "--years and --usd-per-kwh."};
}

Report Fit(const std::vector<PlannedModel>& models, const FitQuestion& q) {
  Report report;
  report.title = fmt::format("{} x {}: {} sequence{} of {} tokens", q.load.machines, q.machine.name,
                             FormatCount(q.load.sequences), q.load.sequences == 1 ? "" : "s",
                             FormatCount(q.load.context));
  Json::Array described;
  for (const PlannedModel& model : models) described.push_back(ModelJson(model));
  report.facts.Set("machine", MachineJson(q.machine));
  report.facts.Set("load", LoadJson(q));
  report.facts.Set("models", std::move(described));
  Figures figures(q);
  for (const PlannedModel& model : models) figures.Add(model);
  report.sections = {Summary(models, q), std::move(figures).Take(), ByBatch(models, q),
                     ByContext(models, q), ByExperts(models, q)};
  for (Section& section : report.sections) section.in_text = !section.rows.empty();
  report.notes = PredictionNotes(q.machine, q.load);
  if (q.profile)
    report.notes.push_back(
        "By the profile: of what is in memory the most used experts, hit as often as there.");
  for (std::string& note : ModelNotes(models)) report.notes.push_back(std::move(note));
  for (const PlannedModel& model : models) {
    if (!model.engine)
      report.notes.push_back(model.cost.name + ": no engine of ours: scratch is not counted.");
    if (q.load.context > model.cost.max_context)
      report.notes.push_back(fmt::format("{}: {} tokens are beyond its own limit of {}.",
                                         model.cost.name, FormatCount(q.load.context),
                                         FormatCount(model.cost.max_context)));
  }
  for (std::string& note : PriceNotes(q)) report.notes.push_back(std::move(note));
  return report;
}

Report ListMachines(const std::vector<Machine>& machines, ByteUnits units) {
  Section section{.key = "machines",
                  .title = {},
                  .columns = {{"name", "machine"},
                              {"figures", "figures"},
                              {"cores", ">cores"},
                              {"ram_bytes", ">RAM"},
                              {"dram_bytes_per_s", ">GB/s"},
                              {"f32_flops", ">GFLOP/s FP32"},
                              {"bf16_flops", ">BF16"},
                              {"int8_ops", ">GOP/s int8"},
                              {"nvme_bytes_per_s", ">disk GB/s"},
                              {"gpus", ">GPUs"},
                              {"gpu_bytes", ">of"},
                              {"about", "about"}},
                  .rows = {}};
  const auto rate = [](double v) { return v > 0 ? Cell{v, Rate(v)} : Nothing(); };
  Report report;
  Json::Array all;
  for (const Machine& m : machines) {
    all.push_back(MachineJson(m));
    section.rows.push_back({Text(m.name), Text(m.measured ? "measured" : "nominal"), Count(m.cores),
                            Bytes(m.ram_bytes, units), rate(m.dram_bytes_per_s), rate(m.f32_flops),
                            rate(m.bf16_flops), rate(m.int8_ops), rate(m.nvme_bytes_per_s),
                            m.gpus > 0 ? Count(m.gpus) : Nothing(),
                            m.gpus > 0 ? Bytes(m.gpu_bytes, units) : Nothing(), Text(m.about)});
  }
  report.facts.Set("catalogue", std::move(all));
  report.sections.push_back(std::move(section));
  return report;
}

}  // namespace hadal::plan
