#include "plan/claims.h"

#include <cmath>
#include <functional>
#include <tuple>

#include "base/units.h"
#include "cost/presets.h"

namespace hadal::plan {
namespace {

struct ClaimedModels {
  cost::CostModel v32 = cost::DescribePreset("v3.2");
  cost::CostModel pro = cost::DescribePreset("v4-pro");
  cost::CostModel flash = cost::DescribePreset("v4-flash");
  cost::CostModel gqa8 = cost::DescribePreset("gqa8");
};

constexpr std::uint64_t kClaimContexts[] = {1'000'000, 1'048'576};

constexpr const char* kChosenAfterwards =
    "The accountings (published entries, fp8-equivalent FLOPs, 1M as 10^6 tokens, parameters "
    "without "
    "MTP and embedding) were chosen after the published figures were known, among those shown: "
    "that "
    "they round to them shows that the figures can be had so, not that they were.";

enum class ClaimUnit { kTimes, kPercent, kBillions, kGigabytes, kBytes };

struct Claim {
  std::string name;
  ClaimUnit unit;
  double published, step;  // step: of the last published digit
  double ours;
  std::string accounting, why;
};

std::string Show(double value, ClaimUnit unit, int more) {
  switch (unit) {
    case ClaimUnit::kTimes:
      return fmt::format("{:.{}f}x", value, 1 + more);
    case ClaimUnit::kPercent:
      return fmt::format("{:.{}f}%", value, more == 0 ? 0 : 1 + more);
    case ClaimUnit::kBillions:
      return fmt::format("{:.{}f} B", value, more == 0 ? 0 : 2 + more);
    case ClaimUnit::kGigabytes:
      return fmt::format("{:.{}f} GB", value, more == 0 ? 0 : 1 + more);
    case ClaimUnit::kBytes:
      return FormatCount(static_cast<std::uint64_t>(std::llround(value)));
  }
  return {};
}

const char* ClaimUnitKey(ClaimUnit unit) {
  constexpr const char* kKeys[] = {"times", "percent", "billions", "gigabytes", "bytes"};
  return kKeys[static_cast<std::size_t>(unit)];
}

class Ratios {
 public:
  Ratios(const ClaimedModels& models, const Accounting& accounting, std::uint64_t context)
      : m_(models), a_(accounting), n_(context) {}

  double Kv(const cost::CostModel& model) const {
    return static_cast<double>(cost::KvBytes(model, n_, a_.kv));
  }
  double Flops(const cost::CostModel& model) const {
    return cost::Flops(cost::DecodeMacs(model, n_), *a_.flops);
  }
  double KvTimes(const cost::CostModel& model) const { return Kv(m_.v32) / Kv(model); }
  double FlopsTimes(const cost::CostModel& model) const { return Flops(m_.v32) / Flops(model); }
  // In percent of the baseline with as many layers as the model.
  double KvOfGqa(const cost::CostModel& model) const {
    const double layers = static_cast<double>(model.layers) / static_cast<double>(m_.gqa8.layers);
    return 100 * Kv(model) / (Kv(m_.gqa8) * layers);
  }

 private:
  const ClaimedModels& m_;
  const Accounting& a_;
  std::uint64_t n_;
};

std::string TokensText(std::uint64_t tokens) { return FormatCount(tokens) + " tokens"; }

void AddKv(const ClaimedModels& m, const Accounting& a, std::uint64_t n,
           std::vector<Claim>* claims) {
  const Ratios r(m, a, n);
  const std::string how =
      fmt::format("--kv {}, {}, window included", cost::KvFormatName(a.kv), TokensText(n));
  const std::string of = "KV cache, share of V3.2's";
  const std::string smaller = "KV cache, times smaller than V3.2's";
  claims->push_back({of + ": V4-Pro", ClaimUnit::kPercent, 10, 1, 100 / r.KvTimes(m.pro), how,
                     "printed as \"10%\"; the 9.5x of the same figure is 10.5%"});
  claims->push_back({smaller + ": V4-Pro", ClaimUnit::kTimes, 9.5, 0.1, r.KvTimes(m.pro), how,
                     "entries of 656 + 132 bytes against 584 + 68; of the named formats only "
                     "published gives both 9.5 and 13.7 at 2^20 as at 10^6 tokens"});
  claims->push_back(
      {of + ": V4-Flash", ClaimUnit::kPercent, 7, 1, 100 / r.KvTimes(m.flash), how, "rounding"});
  claims->push_back(
      {smaller + ": V4-Flash", ClaimUnit::kTimes, 13.7, 0.1, r.KvTimes(m.flash), how, "rounding"});
  claims->push_back({"KV cache, share of BF16 GQA-8's of the same depth: V4-Pro",
                     ClaimUnit::kPercent, 2, 1, r.KvOfGqa(m.pro), how,
                     "8 KV heads of 128: 4,096 bytes a token and layer"});
  claims->push_back({"KV cache, share of BF16 GQA-8's of the same depth: V4-Flash",
                     ClaimUnit::kPercent, 2, 1, r.KvOfGqa(m.flash), how,
                     "as above, with 43 layers"});
}

void AddFlops(const ClaimedModels& m, const Accounting& a, std::uint64_t n,
              std::vector<Claim>* claims) {
  const Ratios r(m, a, n);
  const std::string how = fmt::format("--flops {}, {}", a.flops->name, TokensText(n));
  const std::string of = "FLOPs of a token, share of V3.2's";
  const std::string fewer = "FLOPs of a token, times fewer than V3.2's";
  const char* const rounding = "rounding";
  claims->push_back(
      {of + ": V4-Pro", ClaimUnit::kPercent, 27, 1, 100 / r.FlopsTimes(m.pro), how, rounding});
  claims->push_back(
      {fewer + ": V4-Pro", ClaimUnit::kTimes, 3.7, 0.1, r.FlopsTimes(m.pro), how, rounding});
  const auto flash = [&](const char* flops, std::uint64_t tokens) {
    Accounting other = a;
    other.flops = *cost::FindFlopAccounting(flops);
    return Ratios(m, other, tokens).FlopsTimes(m.flash);
  };
  claims->push_back(
      {of + ": V4-Flash", ClaimUnit::kPercent, 10, 1, 100 / r.FlopsTimes(m.flash), how,
       fmt::format("raw FLOPs, without precision weights, give {:.1f}%: attention in BF16 counts "
                   "twice and FP4 index scores half in what was published",
                   100 / flash("raw", n))});
  claims->push_back(
      {fewer + ": V4-Flash", ClaimUnit::kTimes, 9.8, 0.1, r.FlopsTimes(m.flash), how,
       fmt::format("fp8-equivalent gives {:.2f}x at 1,000,000 tokens, {:.2f}x at 1,048,576: the "
                   "figure's \"1M\" is 10^6, or its minor terms are counted in another way",
                   flash("fp8-equivalent", kClaimContexts[0]),
                   flash("fp8-equivalent", kClaimContexts[1]))});
}

void AddParameters(const ClaimedModels& m, std::vector<Claim>* claims) {
  const auto billions = [](std::uint64_t n) { return static_cast<double>(n) / 1e9; };
  const auto add = [&](const cost::CostModel& model, double total, double step, double active,
                       const std::string& why_total, const std::string& why_active) {
    const cost::Parameters p = cost::ParametersOf(model);
    claims->push_back({"parameters: " + model.name, ClaimUnit::kBillions, total, step,
                       billions(p.total), "without MTP", why_total});
    claims->push_back({"active parameters: " + model.name, ClaimUnit::kBillions, active, 1,
                       billions(p.active), "without MTP and embedding", why_active});
  };
  const auto embedding = [&](const cost::CostModel& model) {
    return fmt::format("{:.3f} with the whole embedding",
                       billions(cost::ParametersOf(model).active_with_embedding));
  };
  add(m.flash, 284, 1, 13, "rounding", embedding(m.flash));
  add(m.pro, 1600, 100, 49,
      fmt::format("rounding; the MTP block has {:.3f} more",
                  billions(cost::ParametersOf(m.pro).mtp)),
      embedding(m.pro));
  std::uint64_t indexer = 0;
  for (const cost::WeightGroup& group : m.v32.weights)
    indexer += group.component == cost::Component::kIndexer ? group.parameters : 0;
  const cost::Parameters v32 = cost::ParametersOf(m.v32);
  add(m.v32, 671, 1, 37,
      fmt::format("{:.3f} without the indexer: the published count is V3's",
                  billions(v32.total - indexer)),
      fmt::format("{:.3f} without the indexer", billions(v32.active - indexer)));
}

void AddBytes(const ClaimedModels& m, std::vector<Claim>* claims) {
  const char* const how = "FP8 + FP4 with scales, MTP included";
  claims->push_back({"checkpoint bytes: V4-Flash", ClaimUnit::kBytes, 159'609'485'896.0, 1,
                     static_cast<double>(cost::WeightBytes(m.flash)), how,
                     "metadata.total_size of the released index, to the byte"});
  claims->push_back({"checkpoint: V4-Pro", ClaimUnit::kGigabytes, 865, 1,
                     static_cast<double>(cost::WeightBytes(m.pro)) / 1e9, how, "rounding"});
}

// Keeping every token's window entry against keeping the compressed entries, bytes a token.
double SwaTimes(const cost::CostModel& model) {
  double window = 0, compressed = 0;
  for (const cost::KvGroup& group : model.kv) {
    if (group.mtp() || group.component != cost::Component::kAttentionCore) continue;
    const auto bytes = static_cast<double>(group.layers * group.Bytes(cost::KvFormat::kPublished));
    (group.max_entries > 0 ? window : compressed) +=
        bytes / static_cast<double>(group.tokens_per_entry);
  }
  return window / compressed;
}

void AddSwa(const ClaimedModels& m, std::vector<Claim>* claims) {
  const auto add = [&](const cost::CostModel& model) {
    claims->push_back({"window entries of every token, times the compressed entries: " + model.name,
                       ClaimUnit::kTimes, 8, 1, SwaTimes(model), "published entries, no index keys",
                       "\"about 8\" in the text"});
  };
  add(m.pro);
  add(m.flash);
}

bool Reproduced(const Claim& c) {
  return std::fabs(std::round(c.ours / c.step) * c.step - c.published) < 1e-6 * c.published;
}

Section ClaimsSection(const std::vector<Claim>& claims) {
  Section section{.key = "claims",
                  .title = {},
                  .columns = {{"name", "claim"},
                              {"published", ">published"},
                              {"ours", ">ours"},
                              {"unit", ""},
                              {"residual", ">residual"},
                              {"reproduced", "rounds to it"},
                              {"accounting", "accounting"},
                              {"why", ""}},
                  .rows = {}};
  for (const Claim& c : claims) {
    const double residual = c.ours / c.published - 1;
    const bool rounds = Reproduced(c);
    section.rows.push_back({Text(c.name),
                            {c.published, Show(c.published, c.unit, 0)},
                            {c.ours, Show(c.ours, c.unit, 1)},
                            Text(ClaimUnitKey(c.unit)),
                            {residual, fmt::format("{:+.1f}%", 100 * residual + 0.0)},
                            {rounds, rounds ? "yes" : "no"},
                            Text(c.accounting),
                            Text(c.why)});
  }
  return section;
}

// The claims that an accounting decides, under each of them: what is left over, with a star where
// it rounds to the published figure.
using AddClaims =
    std::function<void(std::size_t accounting, std::uint64_t tokens, std::vector<Claim>* claims)>;
Section Residuals(const char* key, const char* title, const std::vector<std::string>& accountings,
                  const AddClaims& add) {
  Section section{.key = key,
                  .title = title,
                  .columns = {{"name", "claim"}, {"tokens", ">tokens"}},
                  .rows = {}};
  for (const std::string& name : accountings) section.columns.push_back({name, ">" + name});
  for (const std::uint64_t tokens : kClaimContexts) {
    std::vector<std::vector<Claim>> under(accountings.size());
    for (std::size_t i = 0; i < accountings.size(); ++i) add(i, tokens, &under[i]);
    for (std::size_t claim = 0; claim < under[0].size(); ++claim) {
      std::vector<Cell> row = {Text(under[0][claim].name), Count(tokens)};
      for (const std::vector<Claim>& claims : under) {
        const Claim& c = claims[claim];
        const double residual = c.ours / c.published - 1;
        row.push_back(
            {residual, fmt::format("{:+.1f}%{}", 100 * residual + 0.0, Reproduced(c) ? "*" : " ")});
      }
      section.rows.push_back(std::move(row));
    }
  }
  return section;
}

Section KvResiduals(const ClaimedModels& m, const Accounting& accounting) {
  std::vector<std::string> names;
  for (std::size_t f = 0; f < cost::kKvFormats; ++f)
    names.emplace_back(cost::KvFormatName(static_cast<cost::KvFormat>(f)));
  return Residuals(
      "kv_residuals", "What is left over of the KV claims in every format (--kv); * rounds to it",
      names, [&](std::size_t format, std::uint64_t tokens, std::vector<Claim>* claims) {
        Accounting other = accounting;
        other.kv = static_cast<cost::KvFormat>(format);
        AddKv(m, other, tokens, claims);
      });
}

Section FlopResiduals(const ClaimedModels& m, const Accounting& accounting) {
  std::vector<std::string> names;
  for (const cost::FlopAccounting& flops : cost::FlopAccountings()) names.emplace_back(flops.name);
  return Residuals(
      "flop_residuals",
      "What is left over of the FLOP claims under every accounting (--flops); * rounds "
      "to it",
      names, [&](std::size_t flops, std::uint64_t tokens, std::vector<Claim>* claims) {
        Accounting other = accounting;
        other.flops = &cost::FlopAccountings()[flops];
        AddFlops(m, other, tokens, claims);
      });
}

// Parameters with what the claims leave out.
Section ParameterResiduals(const ClaimedModels& m) {
  Section section{.key = "parameter_residuals",
                  .title = "What is left over of the parameter claims counted in other ways",
                  .columns = {{"name", "claim"},
                              {"counted", "counted"},
                              {"ours", ">ours"},
                              {"residual", ">residual"}},
                  .rows = {}};
  const auto add = [&](const std::string& name, const char* counted, double published,
                       std::uint64_t ours) {
    const double billions = static_cast<double>(ours) / 1e9, residual = billions / published - 1;
    section.rows.push_back({Text(name),
                            Text(counted),
                            {billions, Show(billions, ClaimUnit::kBillions, 1)},
                            {residual, fmt::format("{:+.1f}%", 100 * residual + 0.0)}});
  };
  const std::tuple<const cost::CostModel*, double, double> published[] = {
      {&m.flash, 284, 13}, {&m.pro, 1600, 49}, {&m.v32, 671, 37}};
  for (const auto& [model, total, active] : published) {
    const cost::Parameters p = cost::ParametersOf(*model);
    if (p.mtp > 0) add("parameters: " + model->name, "with MTP", total, p.total + p.mtp);
    add("active parameters: " + model->name, "with the whole embedding", active,
        p.active_with_embedding);
  }
  return section;
}

Section RatioTable(const char* key, const char* title) {
  return {.key = key,
          .title = title,
          .columns = {{"accounting", "accounting"},
                      {"tokens", ">tokens"},
                      {"v32", ">V3.2"},
                      {"v4_pro", ">V4-Pro"},
                      {"v4_flash", ">V4-Flash"},
                      {"v4_pro_share", ">Pro"},
                      {"v4_pro_times", ">times less"},
                      {"v4_flash_share", ">Flash"},
                      {"v4_flash_times", ">times less"}},
          .rows = {}};
}

void AddRatios(Section& section, std::string_view name, std::uint64_t n, const ClaimedModels& m,
               const std::function<Cell(double)>& show,
               const std::function<double(const cost::CostModel&)>& cost_of) {
  const double v32 = cost_of(m.v32), pro = cost_of(m.pro), flash = cost_of(m.flash);
  section.rows.push_back({Text(std::string(name)), Count(n), show(v32), show(pro), show(flash),
                          Percent(pro / v32), Times(v32 / pro), Percent(flash / v32),
                          Times(v32 / flash)});
}

Section FlopSection(const ClaimedModels& m) {
  Section section = RatioTable("flop_accountings",
                               "TFLOPs of one decoded token under every accounting (--flops)");
  for (const std::uint64_t n : kClaimContexts)
    for (const cost::FlopAccounting& accounting : cost::FlopAccountings())
      AddRatios(
          section, accounting.name, n, m, [](double f) { return Number(f / 1e12, 4); },
          [&](const cost::CostModel& model) {
            return cost::Flops(cost::DecodeMacs(model, n), accounting);
          });
  return section;
}

Section KvSection(const ClaimedModels& m, ByteUnits units) {
  Section section = RatioTable("kv_accountings", "KV cache in every format (--kv)");
  const auto show = [units](double bytes) {
    return Bytes(static_cast<std::uint64_t>(bytes), units);
  };
  for (const std::uint64_t n : kClaimContexts)
    for (std::size_t f = 0; f < cost::kKvFormats; ++f) {
      const auto format = static_cast<cost::KvFormat>(f);
      AddRatios(section, cost::KvFormatName(format), n, m, show, [&](const cost::CostModel& model) {
        return static_cast<double>(cost::KvBytes(model, n, format));
      });
    }
  return section;
}

}  // namespace

Report Claims(const Accounting& accounting, std::uint64_t context) {
  const ClaimedModels models;
  std::vector<Claim> claims;
  AddKv(models, accounting, context, &claims);
  AddFlops(models, accounting, context, &claims);
  AddParameters(models, &claims);
  AddBytes(models, &claims);
  AddSwa(models, &claims);

  Report report;
  report.title = "DeepSeek-V4's published figures, computed";
  report.facts.Set("context", context);
  AddAccounting(accounting, &report.facts);
  report.sections = {ClaimsSection(claims),
                     KvResiduals(models, accounting),
                     FlopResiduals(models, accounting),
                     ParameterResiduals(models),
                     FlopSection(models),
                     KvSection(models, accounting.units)};
  report.notes.push_back(kChosenAfterwards);
  for (const Claim& c : claims)
    if (c.why != "rounding") report.notes.push_back(c.name + ": " + c.why + ".");
  return report;
}

}  // namespace hadal::plan
