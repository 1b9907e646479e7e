#include "plan/check.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "arch/config_fields.h"

namespace hadal::plan {
namespace {

constexpr std::size_t kMost = std::size_t{1} << 30;

struct Measured {
  std::size_t depth = 0, threads = 0, batch = 0;
  double tokens_per_s = 0;
  std::optional<double> bytes_per_token, read_bytes_per_s;
};

Result<std::vector<Measured>> DecodeFigures(const Json& bench, const std::string& name) {
  const Json* list = bench.Find("decode");
  if (list == nullptr || list->AsArray() == nullptr || list->AsArray()->empty())
    return Fail(Code::kInvalid, "{}: decode: expected the figures that `hadal bench --json` prints",
                name);
  std::vector<Measured> figures;
  std::size_t threads = 0;
  for (const Json& item : *list->AsArray()) {
    arch::Fields fields(item, name + ": decode");
    Measured figure;
    fields.Size("depth", 0, kMost, &figure.depth);
    fields.Size("threads", 1, kMost, &figure.threads);
    fields.Size("batch", 1, kMost, &figure.batch);
    fields.Number("tokens_per_s", 1e-9, 1e12, &figure.tokens_per_s);
    if (fields.Has("bytes_per_token"))
      fields.Number("bytes_per_token", 1, 1e18, &figure.bytes_per_token.emplace());
    if (fields.Has("read_bytes_per_s"))
      fields.Number("read_bytes_per_s", 1, 1e18, &figure.read_bytes_per_s.emplace());
    if (!fields.ok()) return fields.error();
    threads = std::max(threads, figure.threads);
    figures.push_back(figure);
  }
  std::erase_if(figures, [&](const Measured& figure) { return figure.threads != threads; });
  return figures;
}

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
Status CheckModel(const PlannedModel& model, const Measured& figure, const std::string& name) {
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

Result<double> Predict(const PlannedModel& model, const Machine& machine, const Measured& figure) {
  const Load load{.context = figure.depth + 1, .sequences = figure.batch};
  const Placement placement = PlacementOf(model, machine, load);
  if (!placement.fits())
    return Fail(Code::kInvalid, "{}: {} does not fit into the memory of the machine measured",
                machine.name, model.cost.name);
  return PredictDecode(model, machine, load, placement).tokens_per_s;
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

}  // namespace

Result<Report> CheckAgainstBench(const PlannedModel& model, const Json& bench,
                                 const std::string& name, const std::optional<EngineRates>& rates) {
  HADAL_TRY(const std::vector<Measured> figures, DecodeFigures(bench, name));
  HADAL_TRY(const Machine machine, MeasuredMachine(bench, name));
  if (rates && rates->threads != figures[0].threads)
    return Fail(Code::kInvalid, "{}: threads: found {}, expected {} as in {}", rates->source,
                rates->threads, figures[0].threads, name);
  if (rates && !model.has_rates())
    return Fail(Code::kUnsupported, "--rates: {} {}", model.cost.name,
                model.engine ? "has products without a measured rate: V3.2's index scores"
                             : "is no model of the engine");
  Machine with_kernels = machine;
  with_kernels.engine = rates;
  Section section{.key = "decode",
                  .title = {},
                  .columns = {{"depth", ">depth"},
                              {"batch", ">batch"},
                              {"read_bytes_per_s", ">memory GB/s"},
                              {"measured", ">measured tokens/s"},
                              {"bound", ">bound"},
                              {"share", ">share"},
                              {"predicted", ">predicted"},
                              {"difference", ">difference"}},
                  .rows = {}};
  std::map<std::size_t, double> shares;  // of a batch, at its first depth
  const bool memory_known = std::ranges::all_of(
      figures, [](const Measured& f) { return f.read_bytes_per_s.has_value(); });
  std::optional<double> decode_share;
  for (const Measured& figure : figures) {
    HADAL_TRY_STATUS(CheckModel(model, figure, name));
    HADAL_TRY(const double bound, Predict(model, machine, figure));
    const double share = figure.tokens_per_s / bound;
    if (figure.batch == 1) decode_share = std::min(decode_share.value_or(share), share);
    double predicted = bound * shares.try_emplace(figure.batch, share).first->second;
    if (rates) {
      with_kernels = machine;
      with_kernels.engine = rates;
      if (figure.read_bytes_per_s) {
        with_kernels.engine = WhenMemoryGives(*rates, *figure.read_bytes_per_s);
        with_kernels.dram_bytes_per_s = *figure.read_bytes_per_s;
      }
      HADAL_TRY(predicted, Predict(model, with_kernels, figure));
    }
    const double difference = predicted / figure.tokens_per_s - 1;
    section.rows.push_back(
        {Count(figure.depth),
         Count(figure.batch),
         figure.read_bytes_per_s
             ? Cell{*figure.read_bytes_per_s, fmt::format("{:.1f}", *figure.read_bytes_per_s / 1e9)}
             : Nothing(),
         Number(figure.tokens_per_s, 2),
         Number(bound, 2),
         Percent(share),
         Number(predicted, 2),
         {difference, fmt::format("{:+.1f}%", 100 * difference)}});
  }
  Report report;
  report.title = fmt::format("{}: decode measured in {}, and predicted", model.cost.name, name);
  with_kernels = machine;
  with_kernels.engine = rates;
  report.facts.Set("machine", MachineJson(with_kernels));
  report.facts.Set("model", ModelJson(model));
  report.facts.Set("decode_share", decode_share ? Json(*decode_share) : Json());
  report.sections.push_back(std::move(section));
  report.notes = {LimitsNote(machine), PredictionNote(rates, memory_known)};
  if (decode_share)
    report.notes.push_back(
        fmt::format("For a catalogue: decode_share = {:.3f}, the smallest share of one sequence.",
                    *decode_share));
  return report;
}

}  // namespace hadal::plan
