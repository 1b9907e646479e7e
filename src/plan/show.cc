#include "plan/show.h"

#include <optional>

#include "base/units.h"

namespace hadal::plan {
namespace {

using cost::Component;

Section Components(const PlannedModel& model, std::uint64_t context, const Accounting& a) {
  Section section{.key = "components",
                  .title = "Weights and one decoded token, by component",
                  .columns = {{"component", "component"},
                              {"parameters", ">parameters"},
                              {"weight_bytes", ">bytes"},
                              {"read_bytes", ">read per token"},
                              {"macs", ">MACs per token"}},
                  .rows = {}};
  const auto weight_bytes = cost::WeightBytesByComponent(model.cost);
  const auto read = cost::BytesReadByComponent(model.cost, context, a.kv);
  const auto macs = cost::DecodeMacsByComponent(model.cost, context);
  std::uint64_t parameters_sum = 0, bytes_sum = 0, read_sum = 0, macs_sum = 0;
  for (std::size_t c = 0; c < cost::kComponents; ++c) {
    const auto component = static_cast<Component>(c);
    std::uint64_t parameters = 0;
    for (const cost::WeightGroup& group : model.cost.weights)
      if (group.component == component) parameters += group.parameters;
    if (weight_bytes[c] == 0 && read[c] == 0) continue;
    section.rows.push_back({{cost::ComponentKey(component), cost::ComponentName(component)},
                            Count(parameters),
                            Bytes(weight_bytes[c], a.units),
                            Bytes(read[c], a.units),
                            Count(macs[c])});
    parameters_sum += parameters;
    bytes_sum += weight_bytes[c];
    read_sum += read[c];
    macs_sum += macs[c];
  }
  section.rows.push_back({{"all", "all"},
                          Count(parameters_sum),
                          Bytes(bytes_sum, a.units),
                          Bytes(read_sum, a.units),
                          Count(macs_sum)});
  return section;
}

Section Entries(const PlannedModel& model, std::uint64_t context, const Accounting& a) {
  Section section{.key = "kv_cache",
                  .title = fmt::format("KV cache of {} tokens", FormatCount(context)),
                  .columns = {{"key", "entries"},
                              {"layers", ">layers"},
                              {"entry_bytes", ">bytes each"},
                              {"tokens_per_entry", ">tokens each"},
                              {"entries", ">kept a layer"},
                              {"reads", ">read a layer"},
                              {"bytes", ">bytes"}},
                  .rows = {}};
  for (const cost::KvGroup& group : model.cost.kv)
    section.rows.push_back(
        {{group.key, group.name},
         Count(group.layers),
         Count(group.Bytes(a.kv)),
         Count(group.tokens_per_entry),
         Count(group.Entries(context)),
         Count(group.Reads(context)),
         Bytes(group.layers * group.Bytes(a.kv) * group.Entries(context), a.units)});
  const std::uint64_t kv = cost::KvBytes(model.cost, context, a.kv);
  const auto total = [&](const char* key, const char* name, std::uint64_t bytes) {
    section.rows.push_back({{key, name},
                            Nothing(),
                            Nothing(),
                            Nothing(),
                            Nothing(),
                            Nothing(),
                            Bytes(bytes, a.units)});
  };
  total("kv_bytes", "KV cache (without MTP)", kv);
  if (model.cost.tail_bytes > 0) total("tail_bytes", "tails, float32", model.cost.tail_bytes);
  if (model.engine && a.kv == cost::KvFormat::kPublished)
    total("allocated_bytes", "allocated by the engine", model.StateBytes(context, a.kv));
  return section;
}

Section WorkKinds(const PlannedModel& model, std::uint64_t context, const Accounting& a) {
  Section section{.key = "work",
                  .title = fmt::format("One decoded token at {} tokens, by kind of product",
                                       FormatCount(context)),
                  .columns = {{"work", "work"},
                              {"macs", ">MACs"},
                              {"weight", ">weight"},
                              {"gflops", ">GFLOPs"},
                              {"share", ">share"}},
                  .rows = {}};
  const cost::MacsByWork macs = cost::DecodeMacs(model.cost, context);
  const double all = cost::Flops(macs, *a.flops);
  for (std::size_t w = 0; w < cost::kWorks; ++w) {
    if (macs[w] == 0) continue;
    const double flops = 2 * a.flops->weight[w] * static_cast<double>(macs[w]);
    section.rows.push_back({Text(cost::WorkKey(static_cast<cost::Work>(w))), Count(macs[w]),
                            Number(a.flops->weight[w], 2), Number(flops / 1e9, 3),
                            Percent(flops / all)});
  }
  section.rows.push_back(
      {Text("all"), Count(cost::TotalMacs(macs)), Nothing(), Number(all / 1e9, 3), Percent(1)});
  return section;
}

struct Prefill {
  double flops = 0;
  std::optional<std::uint64_t> macs;  // none: more than 64 bits hold
};

Prefill PrefillOf(const cost::CostModel& model, std::uint64_t tokens, const Accounting& a) {
  const cost::FlopAccounting& raw = **cost::FindFlopAccounting("raw");
  if (cost::PrefillFlops(model, 0, tokens, raw) / 2 >= 0x1p63)
    return {cost::PrefillFlops(model, 0, tokens, *a.flops), {}};
  const cost::MacsByWork macs = cost::PrefillMacs(model, 0, tokens);
  return {cost::Flops(macs, *a.flops), cost::TotalMacs(macs)};
}

}  // namespace

Report ShowModel(const PlannedModel& model, std::uint64_t context, const Accounting& a) {
  const cost::Parameters p = cost::ParametersOf(model.cost);
  Report report;
  const bool billions = p.total >= 1'000'000'000;
  const double unit = billions ? 1e9 : 1e6;
  report.title =
      fmt::format("{} ({}): {:.3f} {} parameters, {:.3f} active (without the embedding)",
                  model.cost.name, model.cost.architecture, static_cast<double>(p.total) / unit,
                  billions ? "billion" : "million", static_cast<double>(p.active) / unit);
  if (p.mtp > 0)
    report.title += fmt::format(", {:.3f} more in MTP", static_cast<double>(p.mtp) / unit);
  report.facts.Set("model", ModelJson(model));
  report.facts.Set("context", context);
  AddAccounting(a, &report.facts);
  const Prefill prefill = PrefillOf(model.cost, context, a);
  report.facts.Set("prefill_flops", prefill.flops);
  report.facts.Set("prefill_macs", prefill.macs ? Json(*prefill.macs) : Json());
  report.sections = {Components(model, context, a), Entries(model, context, a),
                     WorkKinds(model, context, a)};
  report.notes = ModelNotes({model});
  report.notes.push_back(fmt::format("Prefill of {} tokens: {:.4g} PFLOPs ({}).",
                                     FormatCount(context), prefill.flops / 1e15, a.flops->name));
  report.notes.push_back(fmt::format("FLOPs: {}: {}.", a.flops->name, a.flops->about));
  report.notes.push_back(
      "Element-wise work (norms, rotations, softmax, pooling) is not counted; every figure here is "
      "exact for the config" +
      NotExact({model}) + ".");
  if (model.cost.max_context < context)
    report.notes.push_back(fmt::format("The context is longer than the model's own limit, {}.",
                                       FormatCount(model.cost.max_context)));
  return report;
}

}  // namespace hadal::plan
