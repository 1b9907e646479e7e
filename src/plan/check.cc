#include "plan/check.h"

#include <algorithm>
#include <map>

#include "model/config_fields.h"

namespace hadal::plan {
namespace {

constexpr std::size_t kMost = std::size_t{1} << 30;

struct Measured {
  std::size_t depth = 0, threads = 0, batch = 0;
  double tokens_per_s = 0;
};

Result<std::vector<Measured>> DecodeFigures(const Json& bench, const std::string& name) {
  const Json* list = bench.Find("decode");
  if (list == nullptr || list->AsArray() == nullptr || list->AsArray()->empty())
    return Fail(Code::kInvalid, "{}: decode: expected the figures that `hadal bench --json` prints",
                name);
  std::vector<Measured> figures;
  std::size_t threads = 0;
  for (const Json& item : *list->AsArray()) {
    model::Fields fields(item, name + ": decode");
    Measured figure;
    fields.Size("depth", 0, kMost, &figure.depth);
    fields.Size("threads", 1, kMost, &figure.threads);
    fields.Size("batch", 1, kMost, &figure.batch);
    fields.Number("tokens_per_s", 1e-9, 1e12, &figure.tokens_per_s);
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

Result<double> Bound(const PlannedModel& model, const Machine& machine, const Measured& figure) {
  const Load load{.context = figure.depth + 1, .sequences = figure.batch};
  const Placement placement = Place(model, machine, load);
  if (!placement.fits())
    return Fail(Code::kInvalid, "{}: {} does not fit into the memory of the machine measured",
                machine.name, model.cost.name);
  return PredictDecode(model, machine, load, placement).tokens_per_s;
}

}  // namespace

Result<Report> CheckAgainstBench(const PlannedModel& model, const Json& bench,
                                 const std::string& name) {
  HADAL_TRY(const std::vector<Measured> figures, DecodeFigures(bench, name));
  HADAL_TRY(const Machine machine, MeasuredMachine(bench, name));
  Section section{.key = "decode",
                  .title = {},
                  .columns = {{"depth", ">depth"},
                              {"batch", ">batch"},
                              {"measured", ">measured tokens/s"},
                              {"bound", ">bound"},
                              {"share", ">share"},
                              {"predicted", ">predicted"},
                              {"difference", ">difference"}},
                  .rows = {}};
  std::map<std::size_t, double> shares;  // of a batch, at its first depth
  for (const Measured& figure : figures) {
    HADAL_TRY(const double bound, Bound(model, machine, figure));
    const double share = figure.tokens_per_s / bound;
    const double predicted = bound * shares.try_emplace(figure.batch, share).first->second;
    const double difference = predicted / figure.tokens_per_s - 1;
    section.rows.push_back({Count(figure.depth),
                            Count(figure.batch),
                            Number(figure.tokens_per_s, 2),
                            Number(bound, 2),
                            Percent(share),
                            Number(predicted, 2),
                            {difference, fmt::format("{:+.1f}%", 100 * difference)}});
  }
  Report report;
  report.title = fmt::format("{}: decode measured in {}, and predicted", model.cost.name, name);
  report.facts.Set("machine", MachineJson(machine));
  report.facts.Set("model", ModelJson(model));
  report.sections.push_back(std::move(section));
  report.notes = {
      fmt::format("{} threads; {:.1f} GB/s, {:.0f} GFLOP/s FP32, {:.0f} BF16, {:.0f} GOP/s int8 "
                  "measured in the same run.",
                  machine.cores, machine.dram_bytes_per_s / 1e9, machine.f32_flops / 1e9,
                  machine.bf16_flops / 1e9, machine.int8_ops / 1e9),
      "Predicted: the bound times the share reached at the first depth of the same batch."};
  return report;
}

}  // namespace hadal::plan
