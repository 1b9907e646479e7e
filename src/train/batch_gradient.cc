#include "train/batch_gradient.h"

#include <atomic>
#include <cmath>

namespace hadal::train {
namespace {

double Mean(double sum, double weight) { return weight == 0 ? 0 : sum / weight; }

double WeightOrOne(const std::vector<float>& weights) {
  const double sum = SumOfWeights(weights);
  return sum > 0 ? sum : 1;
}

}  // namespace

Products ProductsOf(const TrainConfig& config) {
  if (config.precision != "auto")
    return config.precision == "bf16" ? Products::kBf16 : Products::kF32;
  return config.device == "cpu" ? FastestProducts() : Products::kBf16;
}

ForwardOptions OptionsOf(const StepPlan& plan, Products products, bool mtp) {
  ForwardOptions options;
  options.attention = plan.stage == Stage::kDense    ? Attention::kDense
                      : plan.stage == Stage::kWarmup ? Attention::kWarmup
                                                     : Attention::kSparse;
  options.indexer_sees_all = plan.indexer_sees_all;
  options.quantize = {.experts = plan.quantize_experts,
                      .linears = plan.quantize_linears,
                      .kv = plan.quantize_kv,
                      .indexer = plan.quantize_indexer};
  options.mtp = mtp;
  options.products = products;
  return options;
}

BatchGradient::BatchGradient(V4Model model, const TrainConfig& config, Workers& workers)
    : model_(std::move(model)), config_(config), products_(ProductsOf(config)), workers_(workers) {
  twins_.push_back(model_);
  const torch::Device device = model_->parameters().front().device();
  for (std::size_t i = 1; i < workers_.count(); ++i) {
    twins_.emplace_back(model_->config(), config_.seed, config_.model.init_std, model_->residual());
    twins_.back()->to(device);
  }
  ShareValues();
}

void BatchGradient::ShareValues() {
  const torch::NoGradGuard no_grad;
  const auto parameters = model_->named_parameters();
  const auto buffers = model_->named_buffers();
  for (std::size_t i = 1; i < twins_.size(); ++i) {
    for (auto& item : twins_[i]->named_parameters()) item.value().set_data(parameters[item.key()]);
    for (auto& item : twins_[i]->named_buffers()) item.value().set_data(buffers[item.key()]);
  }
}

Status BatchGradient::ForEach(std::size_t items,
                              const std::function<Status(V4Model&, std::size_t)>& work) {
  // A worker takes the next twin that is free; which one it is does not matter: their values are
  // one.
  std::vector<std::atomic<bool>> busy(twins_.size());
  return workers_.Run(items, [&](std::size_t item) -> Status {
    std::size_t twin = 0;
    while (busy[twin].exchange(true)) twin = (twin + 1) % twins_.size();
    const Status status = Catching("training", [&] { return work(twins_[twin], item); });
    busy[twin].store(false);
    return status;
  });
}

Status BatchGradient::ComputeShard(V4Model& twin, const Sample& sample, const StepPlan& plan,
                                   std::size_t index, Shard* shard) {
  const torch::Device device = twin->parameters().front().device();
  const std::size_t rows = sample.rows / config_.batch.shards;
  const auto part = [&](const auto& values) {
    return SampleRows(sample, values, index * rows, rows, device);
  };
  const bool mtp =
      plan.mtp_weight > 0 && twin->config().num_nextn_predict_layers > 0 && !plan.indexer_only;
  const Output output =
      twin->Forward({part(sample.ids), part(sample.documents), part(sample.targets),
                     part(sample.mtp_targets), part(sample.weights), part(sample.mtp_weights)},
                    OptionsOf(plan, products_, mtp));

  const double share = 1 / static_cast<double>(config_.batch.shards);
  torch::Tensor total = output.indexer_loss * (config_.loss.indexer * share);
  if (!plan.indexer_only)
    total = total + output.ce / WeightOrOne(sample.weights) +
            output.balance_loss * (config_.loss.balance * share);
  if (mtp) {
    total = total + output.mtp_ce * (plan.mtp_weight / WeightOrOne(sample.mtp_weights));
    shard->mtp_sum = output.mtp_ce.item<double>();
  }
  shard->ce_sum = output.ce.item<double>();
  shard->balance = output.balance_loss.item<double>();
  shard->indexer = output.indexer_loss.item<double>();
  shard->expert_load = output.expert_load.detach();
  for (torch::Tensor& parameter : twin->parameters()) parameter.mutable_grad() = torch::Tensor();
  if (total.requires_grad()) total.backward();
  for (const torch::Tensor& parameter : twin->parameters()) {
    shard->gradients.push_back(parameter.grad());
    parameter.mutable_grad() = torch::Tensor();
  }
  return Unit{};
}

Result<BatchLoss> BatchGradient::Compute(const Sample& sample, const StepPlan& plan) {
  HADAL_CHECK(sample.rows == config_.batch.rows);
  ShareValues();
  std::vector<Shard> shards(config_.batch.shards);
  HADAL_TRY_STATUS(ForEach(shards.size(), [&](V4Model& twin, std::size_t index) {
    return ComputeShard(twin, sample, plan, index, &shards[index]);
  }));

  BatchLoss loss;
  const auto count = static_cast<double>(shards.size());
  for (const Shard& shard : shards) {
    loss.loss += shard.ce_sum;
    loss.mtp_loss += shard.mtp_sum;
    loss.balance_loss += shard.balance / count;
    loss.indexer_loss += shard.indexer / count;
    loss.expert_load =
        loss.expert_load.defined() ? loss.expert_load + shard.expert_load : shard.expert_load;
  }
  loss.loss = Mean(loss.loss, SumOfWeights(sample.weights));
  loss.mtp_loss = Mean(loss.mtp_loss, SumOfWeights(sample.mtp_weights));

  HADAL_TRY(loss.gradient_length, SumGradients(shards));
  return loss;
}

// Into the model's parameters. Each sum is measured while it is in the cache; returns the length of
// all.
Result<double> BatchGradient::SumGradients(const std::vector<Shard>& shards) {
  std::vector<torch::Tensor> parameters = model_->parameters();
  std::vector<double> lengths(parameters.size(), 0);
  HADAL_TRY_STATUS(workers_.Run(parameters.size(), [&](std::size_t i) -> Status {
    const torch::NoGradGuard no_grad;
    torch::Tensor sum;
    for (const Shard& shard : shards) {
      if (!shard.gradients[i].defined()) continue;
      sum = sum.defined() ? sum.add_(shard.gradients[i]) : shard.gradients[i];
    }
    if (sum.defined()) lengths[i] = sum.norm().item<double>();
    parameters[i].mutable_grad() = sum;
    return Unit{};
  }));
  double squares = 0;
  for (const double length : lengths) squares += length * length;
  return std::sqrt(squares);
}

}  // namespace hadal::train
