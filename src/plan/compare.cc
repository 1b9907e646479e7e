#include "plan/compare.h"

#include <algorithm>

#include "base/units.h"

namespace hadal::plan {
namespace {

struct Point {
  std::uint64_t kv_bytes = 0, read_bytes = 0;
  double flops = 0;
};

Point PointOf(const PlannedModel& model, std::uint64_t tokens, const Accounting& a) {
  const cost::CostModel& cost = model.cost;
  return {cost::KvBytes(cost, tokens, a.kv),
          cost::ActiveWeightBytes(cost) + cost::KvBytesRead(cost, tokens, a.kv),
          cost::Flops(cost::DecodeMacs(cost, tokens), *a.flops)};
}

// Of models whose every layer has a window: nothing more than the full windows.
Cell KvGrowth(const cost::CostModel& model, const Accounting& a) {
  const double growth = cost::KvBytesPerToken(model, a.kv);
  if (growth > 0) return Number(growth, 1);
  return {nullptr, fmt::format("fixed: {}", Bytes(cost::KvFixedBytes(model, a.kv), a.units).text)};
}

double Share(double part, double whole) { return whole == 0 ? 0 : part / whole; }

Section Points(const std::vector<PlannedModel>& models, const std::vector<std::uint64_t>& contexts,
               const Accounting& a) {
  Section section{.key = "points",
                  .title = {},
                  .columns = {{"tokens", ">context"},
                              {"model", "model"},
                              {"kv_bytes", ">KV cache"},
                              {"kv_share", ">of " + models[0].cost.name},
                              {"gflops", ">GFLOPs a token"},
                              {"flops_share", ">of " + models[0].cost.name},
                              {"read_bytes", ">read a token"},
                              {"state_bytes", ">a sequence's memory"},
                              {"within_limit", "within the model's limit"}},
                  .rows = {}};
  for (const std::uint64_t tokens : contexts) {
    const Point base = PointOf(models[0], tokens, a);
    for (const PlannedModel& model : models) {
      const Point p = PointOf(model, tokens, a);
      const bool within = tokens <= model.cost.max_context;
      section.rows.push_back(
          {Context(tokens),
           {model.key, model.cost.name},
           Bytes(p.kv_bytes, a.units),
           Percent(Share(static_cast<double>(p.kv_bytes), static_cast<double>(base.kv_bytes))),
           Number(p.flops / 1e9, 1),
           Percent(Share(p.flops, base.flops)),
           Bytes(p.read_bytes, a.units),
           Bytes(model.StateBytes(tokens, a.kv), a.units),
           {within, within ? "yes" : "no"}});
    }
  }
  return section;
}

Section Weights(const std::vector<PlannedModel>& models, const Accounting& a) {
  Section section{.key = "weights",
                  .title = {},
                  .columns = {{"model", "model"},
                              {"parameters", ">parameters"},
                              {"active", ">active"},
                              {"weight_bytes", ">weights"},
                              {"read_bytes", ">read a token"},
                              {"kv_bytes_per_token", ">KV bytes a token"},
                              {"max_context", ">context limit"}},
                  .rows = {}};
  for (const PlannedModel& model : models) {
    const cost::Parameters p = cost::ParametersOf(model.cost);
    const auto billions = [](std::uint64_t n) {
      return Cell{n, fmt::format("{:.3f} B", static_cast<double>(n) / 1e9)};
    };
    section.rows.push_back({{model.key, model.cost.name},
                            billions(p.total),
                            billions(p.active),
                            Bytes(cost::WeightBytes(model.cost), a.units),
                            Bytes(cost::ActiveWeightBytes(model.cost), a.units),
                            KvGrowth(model.cost, a),
                            Context(model.cost.max_context)});
  }
  return section;
}

}  // namespace

Report CompareModels(const std::vector<PlannedModel>& models,
                     const std::vector<std::uint64_t>& contexts, const Accounting& a) {
  HADAL_CHECK(!models.empty());
  Report report;
  report.title = fmt::format("Against {}: KV cache ({}) and FLOPs ({}) of one decoded token",
                             models[0].cost.name, cost::KvFormatName(a.kv), a.flops->name);
  AddAccounting(a, &report.facts);
  Json::Array described, lengths;
  for (const PlannedModel& model : models) described.push_back(ModelJson(model));
  for (const std::uint64_t tokens : contexts) lengths.emplace_back(tokens);
  report.facts.Set("models", std::move(described));
  report.facts.Set("contexts", std::move(lengths));
  report.sections = {Points(models, contexts, a), Weights(models, a)};
  report.notes = ModelNotes(models);
  report.notes.push_back(
      "KV cache: entries alone; a sequence's memory: with tails, whole pages and "
      "the MTP block's window, as allocated.");
  report.notes.push_back("Every figure is exact for the configs" + NotExact(models) +
                         "; 1M is 1,048,576.");
  return report;
}

}  // namespace hadal::plan
