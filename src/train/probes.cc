#include "train/probes.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "train/cross_entropy.h"
#include "train/document_plan.h"

namespace hadal::train {
namespace {

using torch::Tensor;

// "layers.3.attn.wq_a.weight" -> "3", "mtp.0.norm.weight" -> "mtp", "embed.weight" -> "embed".
// What stands after the last layer is the head's.
std::string PartOf(const std::string& name) {
  if (name.starts_with("layers.")) return name.substr(7, name.find('.', 7) - 7);
  const std::string first = name.substr(0, name.find('.'));
  return first == "mtp" || first == "embed" ? first : "head";
}

Result<std::vector<Measure>> ProbeResiduals(const HeldoutSet& heldout, BatchGradient& models,
                                            const StepPlan& plan, std::size_t rows) {
  struct Part {
    ResidualGain gain;
    double tokens = 0;
  };
  std::vector<Part> parts(heldout.Batches(rows));
  HADAL_TRY_STATUS(heldout.ForRows(
      models, rows, [&](V4Model& model, std::size_t index, const HeldoutSet::Rows& part) {
        Seen seen;
        ForwardOptions options = OptionsOf(plan, models.products(), false);
        options.seen = &seen;
        model->Forward(part.batch, options);
        parts[index] = {GainOf(seen.mixes, static_cast<std::int64_t>(model->config().hc_mult)),
                        static_cast<double>(part.targets.numel())};
      }));
  ResidualGain all;
  double tokens = 0;
  for (const Part& part : parts) {
    all.forward += part.gain.forward * part.tokens;
    all.backward += part.gain.backward * part.tokens;
    all.largest = std::max(all.largest, part.gain.largest);
    tokens += part.tokens;
  }
  return std::vector<Measure>{{"residual_gain.forward", all.forward / tokens},
                              {"residual_gain.backward", all.backward / tokens},
                              {"residual_gain.largest", all.largest}};
}

// The lower ends of the ranges that positions below `tokens` fall into.
std::vector<std::int64_t> PositionRanges(std::int64_t tokens) {
  std::vector<std::int64_t> begins = {0};
  for (std::int64_t at = 64; at < tokens; at *= 2) begins.push_back(at);
  return begins;
}

Result<std::vector<Measure>> ProbePositions(const HeldoutSet& heldout, BatchGradient& models,
                                            const StepPlan& plan, std::size_t rows,
                                            std::int64_t row_tokens) {
  const std::vector<std::int64_t> begins = PositionRanges(row_tokens);
  std::vector<std::vector<double>> sums(heldout.Batches(rows)), counts(sums.size());
  HADAL_TRY_STATUS(heldout.ForRows(
      models, rows, [&](V4Model& model, std::size_t index, const HeldoutSet::Rows& part) {
        const Tensor positions = PlanDocuments(part.batch.documents, 1).positions;
        const Tensor logits =
            model->Forward(part.batch, OptionsOf(plan, models.products(), false)).logits;
        for (std::size_t i = 0; i < begins.size(); ++i) {
          const std::int64_t end = i + 1 < begins.size() ? begins[i + 1] : row_tokens;
          const Tensor elsewhere = (positions < begins[i]).logical_or(positions >= end);
          const Tensor targets = part.targets.masked_fill(elsewhere, Sample::kIgnored);
          sums[index].push_back(
              SumOfCrossEntropy(logits.flatten(0, 1), targets.flatten(), Sample::kIgnored)
                  .item<double>());
          counts[index].push_back((targets != Sample::kIgnored).sum().item<double>());
        }
      }));
  std::vector<Measure> measures;
  for (std::size_t i = 0; i < begins.size(); ++i) {
    double sum = 0, count = 0;
    for (std::size_t part = 0; part < sums.size(); ++part) {
      sum += sums[part][i];
      count += counts[part][i];
    }
    if (count > 0) measures.push_back({fmt::format("loss_at.{}", begins[i]), sum / count});
  }
  return measures;
}

Result<std::vector<Measure>> ProbeRounding(const HeldoutSet& heldout, BatchGradient& models,
                                           const StepPlan& plan, std::size_t rows) {
  const auto score = [&](bool fp4) {
    StepPlan rounded = plan;
    rounded.quantize_experts = rounded.quantize_indexer = fp4;
    return heldout.Score(models, rounded, rows);
  };
  HADAL_TRY(const HeldoutScore exact, score(false));
  HADAL_TRY(const HeldoutScore fp4, score(true));
  std::vector<Seen> seen(heldout.Batches(rows));
  HADAL_TRY_STATUS(heldout.ForRows(
      models, rows, [&](V4Model& model, std::size_t index, const HeldoutSet::Rows& part) {
        ForwardOptions options = OptionsOf(plan, models.products(), false);
        options.seen = &seen[index];
        model->Forward(part.batch, options);
      }));
  std::int64_t chosen = 0, again = 0;
  for (const Seen& part : seen) {
    chosen += part.chosen;
    again += part.chosen_again;
  }
  std::vector<Measure> measures = {{"heldout.float", exact.nats_per_token},
                                   {"heldout.fp4", fp4.nats_per_token}};
  if (chosen > 0)
    measures.push_back(
        {"indexer_recall", static_cast<double>(again) / static_cast<double>(chosen)});
  return measures;
}

}  // namespace

bool ProbesAnything(const TrainConfig& config) {
  const auto& probe = config.probe;
  return probe.gradients || probe.residuals || probe.positions || probe.rounding;
}

std::vector<Measure> GradientNorms(const NamedTensors& parameters) {
  const torch::NoGradGuard no_grad;
  std::vector<std::string> order;
  std::map<std::string, double> squares;
  for (const auto& [name, value] : parameters) {
    const std::string part = PartOf(name);
    if (!squares.contains(part)) order.push_back(part);
    double& sum = squares[part];
    if (value.grad().defined()) sum += std::pow(value.grad().norm().item<double>(), 2);
  }
  std::vector<Measure> measures;
  for (const std::string& part : order)
    measures.push_back({"gradient_norm." + part, std::sqrt(squares[part])});
  return measures;
}

ResidualGain GainOf(const std::vector<Tensor>& mixes, std::int64_t streams) {
  HADAL_CHECK(!mixes.empty());
  Tensor product;  // [tokens, from, to]
  for (const Tensor& mix : mixes) {
    const Tensor comb = mix.slice(1, 2 * streams).to(torch::kDouble).view({-1, streams, streams});
    product = product.defined() ? torch::bmm(product, comb) : comb;
  }
  const Tensor into = std::get<0>(product.abs().sum(1).max(1)),
               out_of = std::get<0>(product.abs().sum(2).max(1));
  return {into.mean().item<double>(), out_of.mean().item<double>(),
          std::max(into.max().item<double>(), out_of.max().item<double>())};
}

Result<std::vector<Measure>> ProbeHeldout(const TrainConfig& config, const HeldoutSet& heldout,
                                          BatchGradient& models, const StepPlan& plan,
                                          std::size_t rows) {
  std::vector<Measure> all;
  const auto add = [&](const std::vector<Measure>& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  if (config.probe.residuals) {
    HADAL_TRY(const auto measures, ProbeResiduals(heldout, models, plan, rows));
    add(measures);
  }
  if (config.probe.positions) {
    const auto tokens = static_cast<std::int64_t>(config.batch.tokens);
    HADAL_TRY(const auto measures, ProbePositions(heldout, models, plan, rows, tokens));
    add(measures);
  }
  if (config.probe.rounding) {
    HADAL_TRY(const auto measures, ProbeRounding(heldout, models, plan, rows));
    add(measures);
  }
  return all;
}

std::string ProbeLines(std::size_t step, const std::vector<Measure>& measures) {
  std::string lines;
  for (const Measure& measure : measures)
    lines += fmt::format("{},{},{:.6g}\n", step, measure.name, measure.value);
  return lines;
}

}  // namespace hadal::train
