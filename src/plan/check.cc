#include "plan/check.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "plan/measured_bench.h"

namespace hadal::plan {
namespace {

Result<Machine> MeasuredMachine(const Json& bench, const std::string& name) {
  const Json* machine = bench.Find("machine");
  if (machine == nullptr)
    return Fail(Code::kInvalid, "{}: machine: expected what `hadal bench --json` prints", name);
  HADAL_TRY(Machine found, MachineFromDoctor(*machine, name));
  found.reserved_bytes = 0;  // what was in use was the model itself, mapped
  found.notes.clear();
  return found;
}

// The bench counts bytes by the same formulas: other bytes, another model.
Status CheckModel(const PlannedModel& model, const MeasuredDecode& figure,
                  const std::string& name) {
  constexpr double kTolerance = 0.001;  // the last tokens of the context are measured a bit earlier
  if (figure.batch != 1 || !figure.bytes_per_token) return Unit{};
  const auto bytes = static_cast<double>(cost::ActiveWeightBytes(model.cost) +
                                         cost::KvBytesRead(model.cost, figure.depth + 1));
  if (std::abs(*figure.bytes_per_token / bytes - 1) <= kTolerance) return Unit{};
  return Fail(Code::kInvalid,
              "{}: decode: bytes_per_token: found {:.0f} at depth {}, expected {:.0f} as {} reads: "
              "measured of another model?",
              name, *figure.bytes_per_token, figure.depth, bytes, model.cost.name);
}

// What was there, and what is assumed of it.
Load LoadOf(const MeasuredBench& bench, const CheckAssumptions& assumed) {
  Load load{.experts_in_memory = bench.kept(), .expert_hits = assumed.expert_hits};
  load.expert_guesses = assumed.expert_guesses;
  return load;
}

Status CheckFits(const PlannedModel& model, const Machine& machine, const Placement& placement) {
  if (placement.fits()) return Unit{};
  return Fail(Code::kInvalid, "{}: {} does not fit into the memory of the machine measured",
              machine.name, model.cost.name);
}

Result<Prediction> Predict(const PlannedModel& model, const Machine& machine, Load load,
                           const MeasuredDecode& figure) {
  load.context = figure.depth + 1;
  load.sequences = figure.batch;
  const Placement placement = PlacementOf(model, machine, load);
  HADAL_TRY_STATUS(CheckFits(model, machine, placement));
  return PredictDecode(model, machine, load, placement);
}

Result<Prediction> Predict(const PlannedModel& model, const Machine& machine, Load load,
                           const MeasuredPrefill& figure, std::size_t chunk_tokens) {
  load.context = figure.tokens;
  load.rows = std::min(figure.tokens, chunk_tokens);
  const Placement placement = PlacementOf(model, machine, load);
  HADAL_TRY_STATUS(CheckFits(model, machine, placement));
  return PredictPrefill(model, machine, load, placement);
}

std::string LimitsNote(const Machine& machine) {
  return fmt::format(
      "Bound: limits measured in the same run: {} threads; {:.1f} GB/s, {:.0f} GFLOP/s FP32, "
      "{:.0f} "
      "BF16, {:.0f} GOP/s int8.",
      machine.cores, machine.dram_bytes_per_s / 1e9, machine.f32_flops / 1e9,
      machine.bf16_flops / 1e9, machine.int8_ops / 1e9);
}

std::string PredictionNote(const std::optional<EngineRates>& rates, bool memory_known) {
  if (!rates)
    return "Predicted: the bound times the share reached at the first depth of the same batch. "
           "With "
           "--rates the level is predicted too.";
  const auto giga = [&](kernels::Product product) { return rates->Of(product) / 1e9; };
  return fmt::format(
      "Predicted: by the engine's kernels as {} measured them, nothing fitted: {:.1f} GB/s BF16, "
      "{:.1f} FP8, {:.1f} FP4 while memory gave {:.1f}{}; {:.0f} GOP/s index scores, {:.0f} "
      "attention.",
      rates->source, giga(kernels::Product::kFloatMatrix), giga(kernels::Product::kFp8Matrix),
      giga(kernels::Product::kFp4Matrix), rates->read_bytes_per_s / 1e9,
      memory_known ? ", times what it gave around each row over that"
                   : " (rows that do not say what it gave around them: as they are)",
      giga(kernels::Product::kIndexScores), giga(kernels::Product::kAttention));
}

Cell Difference(double predicted, double measured) {
  const double difference = predicted / measured - 1;
  return {difference, fmt::format("{:+.1f}%", 100 * difference)};
}

Cell OrNothing(const std::optional<double>& share) { return share ? Percent(*share) : Nothing(); }

// A row's own columns, and those of what is compared.
std::vector<Column> WithCompared(std::vector<Column> columns) {
  columns.insert(columns.end(), {{"measured", ">measured tokens/s"},
                                 {"bound", ">bound"},
                                 {"share", ">share"},
                                 {"predicted", ">predicted"},
                                 {"difference", ">difference"}});
  return columns;
}

std::vector<Cell> WithCompared(std::vector<Cell> row, double measured, double bound,
                               const std::optional<double>& predicted) {
  row.insert(row.end(), {Number(measured, 2), Number(bound, 2), Percent(measured / bound),
                         predicted ? Number(*predicted, 2) : Nothing(),
                         predicted ? Difference(*predicted, measured) : Nothing()});
  return row;
}

// A bench beside its predictions, row by row.
class Comparison {
 public:
  Comparison(const PlannedModel& model, const MeasuredBench& bench, const Machine& machine,
             const std::optional<EngineRates>& rates, const CheckAssumptions& assumed)
      : model_(model),
        bench_(bench),
        machine_(machine),
        rates_(rates),
        load_(LoadOf(bench, assumed)) {}

  Result<Section> Decode() {
    Section section{
        .key = "decode",
        .title = {},
        .columns = WithCompared(
            {{"depth", ">depth"}, {"batch", ">batch"}, {"read_bytes_per_s", ">memory GB/s"}}),
        .rows = {}};
    if (streams()) {
      section.columns.push_back({"hits", ">hits measured"});
      section.columns.push_back({"hits_assumed", ">assumed"});
    }
    for (const MeasuredDecode& figure : bench_.decode) {
      HADAL_TRY(std::vector<Cell> row, DecodeRow(figure));
      section.rows.push_back(std::move(row));
    }
    return section;
  }

  // Predicted where the kernels' rates with many rows are known.
  Result<Section> Prefill() const {
    Section section{.key = "prefill",
                    .title = "Prefill",
                    .columns = WithCompared({{"tokens", ">tokens"}}),
                    .rows = {}};
    if (bench_.chunk_tokens == 0) return section;
    const bool by_kernels = rates_ && rates_->knows_many_rows();
    Machine with_kernels = machine_;
    with_kernels.engine = rates_;
    for (const MeasuredPrefill& figure : bench_.prefill) {
      const auto predict = [&](const Machine& machine) {
        return Predict(model_, machine, load_, figure, bench_.chunk_tokens);
      };
      HADAL_TRY(const Prediction bound, predict(machine_));
      HADAL_TRY(const Prediction predicted, predict(with_kernels));
      section.rows.push_back(
          WithCompared({Count(figure.tokens)}, figure.tokens_per_s, bound.tokens_per_s,
                       by_kernels ? std::optional(predicted.tokens_per_s) : std::nullopt));
    }
    return section;
  }

  bool streams() const { return bench_.held_experts < bench_.experts; }
  std::optional<double> decode_share() const { return decode_share_; }  // of Decode
  double hits_assumed() const { return load_.expert_hits.value_or(bench_.kept()); }

 private:
  Result<std::vector<Cell>> DecodeRow(const MeasuredDecode& figure) {
    HADAL_TRY(const Prediction bound, Predict(model_, machine_, load_, figure));
    const double share = figure.tokens_per_s / bound.tokens_per_s;
    if (figure.batch == 1) decode_share_ = std::min(decode_share_.value_or(share), share);
    double predicted = bound.tokens_per_s * shares_.try_emplace(figure.batch, share).first->second;
    if (rates_) {
      Machine with_kernels = machine_;
      with_kernels.engine = rates_;
      if (figure.read_bytes_per_s) {
        with_kernels.engine = WhenMemoryGives(*rates_, *figure.read_bytes_per_s);
        with_kernels.dram_bytes_per_s = *figure.read_bytes_per_s;
      }
      HADAL_TRY(const Prediction by_kernels, Predict(model_, with_kernels, load_, figure));
      predicted = by_kernels.tokens_per_s;
    }
    const auto& memory = figure.read_bytes_per_s;
    std::vector<Cell> row =
        WithCompared({Count(figure.depth), Count(figure.batch),
                      memory ? Cell{*memory, fmt::format("{:.1f}", *memory / 1e9)} : Nothing()},
                     figure.tokens_per_s, bound.tokens_per_s, predicted);
    if (streams()) {
      row.push_back(OrNothing(figure.hits));
      row.push_back(Percent(hits_assumed()));
    }
    return row;
  }

  const PlannedModel& model_;
  const MeasuredBench& bench_;
  const Machine& machine_;
  const std::optional<EngineRates>& rates_;
  const Load load_;
  std::map<std::size_t, double> shares_;  // of a batch, at its first depth
  std::optional<double> decode_share_;
};

// Of experts from disk. Empty: there are none.
std::vector<std::string> StreamingNotes(const MeasuredBench& bench, const Machine& machine,
                                        const CheckAssumptions& assumed) {
  std::vector<std::string> notes;
  if (!bench.routing.empty())
    notes.push_back(fmt::format("Experts were chosen {}.", bench.routing));
  if (bench.held_experts == bench.experts) return notes;
  notes.push_back(fmt::format(
      "Experts from disk: {} of {} in memory, the disk gave {:.2f} GB/s; hits assumed {}, right "
      "guesses {:.0f}%.",
      bench.held_experts, bench.experts, machine.nvme_bytes_per_s / 1e9,
      assumed.expert_hits ? assumed.hits_from
                          : std::string("as large a share as is in memory, as if chosen evenly"),
      100 * assumed.expert_guesses));
  return notes;
}

}  // namespace

Result<Report> CheckAgainstBench(const PlannedModel& model, const Json& bench,
                                 const std::string& name, const std::optional<EngineRates>& rates,
                                 const CheckAssumptions& assumed) {
  HADAL_TRY(const MeasuredBench measured, ReadBench(bench, name));
  HADAL_TRY(const Machine machine, MeasuredMachine(bench, name));
  for (const MeasuredDecode& figure : measured.decode)
    HADAL_TRY_STATUS(CheckModel(model, figure, name));
  if (rates && rates->threads != measured.decode[0].threads)
    return Fail(Code::kInvalid, "{}: threads: found {}, expected {} as in {}", rates->source,
                rates->threads, measured.decode[0].threads, name);
  if (rates && !model.has_rates())
    return Fail(Code::kUnsupported, "--rates: {} {}", model.cost.name,
                model.engine ? "has products without a measured rate: V3.2's index scores"
                             : "is no model of the engine");
  Comparison comparison(model, measured, machine, rates, assumed);
  if (comparison.streams() && machine.nvme_bytes == 0)
    return Fail(Code::kInvalid, "{}: machine: disk: expected the disk that experts were read from",
                name);
  Report report;
  report.title = fmt::format("{}: measured in {}, and predicted", model.cost.name, name);
  HADAL_TRY(Section decode, comparison.Decode());
  HADAL_TRY(Section prefill, comparison.Prefill());
  prefill.in_text = !prefill.rows.empty();
  report.sections = {std::move(decode), std::move(prefill)};
  const std::optional<double> decode_share = comparison.decode_share();
  Machine with_kernels = machine;
  with_kernels.engine = rates;
  report.facts.Set("machine", MachineJson(with_kernels));
  report.facts.Set("model", ModelJson(model));
  report.facts.Set("decode_share", decode_share ? Json(*decode_share) : Json());
  const bool memory_known = std::ranges::all_of(
      measured.decode, [](const MeasuredDecode& f) { return f.read_bytes_per_s.has_value(); });
  report.notes = {LimitsNote(machine), PredictionNote(rates, memory_known)};
  for (std::string& note : StreamingNotes(measured, machine, assumed))
    report.notes.push_back(std::move(note));
  if (decode_share)
    report.notes.push_back(
        fmt::format("For a catalogue: decode_share = {:.3f}, the smallest share of one sequence.",
                    *decode_share));
  return report;
}

}  // namespace hadal::plan
