#include "train/v4_model.h"

#include <map>
#include <utility>

#include "base/check.h"
#include "train/block.h"
#include "train/data.h"
#include "train/head_loss.h"
#include "train/initial_values.h"
#include "train/quantize_ste.h"
#include "train/schema.h"

namespace hadal::train {
namespace {

using torch::Tensor;

// LibTorch wants no dots in a parameter's name; the dots of ours are a tree of empty modules.
torch::nn::Module& ModuleAt(torch::nn::Module& root, const std::string& path) {
  const std::size_t dot = path.find('.');
  if (dot == std::string::npos) return root;
  const std::string name = path.substr(0, dot);
  for (const auto& child : root.named_children())
    if (child.key() == name) return ModuleAt(*child.value(), path.substr(dot + 1));
  return ModuleAt(*root.register_module(name, std::make_shared<torch::nn::Module>(name)),
                  path.substr(dot + 1));
}

Tensor Register(torch::nn::Module& root, const ParameterSpec& spec, const Tensor& values) {
  torch::nn::Module& module = ModuleAt(root, spec.name);
  const std::string leaf = spec.name.substr(spec.name.rfind('.') + 1);
  return spec.trained ? module.register_parameter(leaf, values)
                      : module.register_buffer(leaf, values);
}

// As the published format would store it, where the options ask for that. What is stored in BF16
// goes with the FP8 matrices.
Tensor AsStored(const ParameterSpec& spec, const Tensor& values, const Quantize& quantize) {
  if (spec.format == StoredFormat::kFp4Block32 && quantize.experts) return StoredFp4(values);
  if (spec.format == StoredFormat::kFp8Block128 && quantize.linears) return StoredFp8(values);
  if (spec.format == StoredFormat::kBf16 && quantize.linears) return StoredBf16(values);
  return values;
}

Tensor MeanOrZero(const std::vector<Tensor>& losses, const Tensor& like) {
  return losses.empty() ? torch::zeros({}, like.options()) : torch::stack(losses).mean();
}

// The logits, or with targets the loss in place of them.
struct Predicted {
  Tensor logits, ce;
};
Predicted Predict(const Tensor& head_input, const Tensor& head_weight, const Tensor& targets,
                  const Tensor& weights, const Pass& pass) {
  const Products products = pass.options.products;
  if (targets.defined())
    return {{},
            HeadLoss(head_input, head_weight, targets.flatten(), Sample::kIgnored, products,
                     weights.defined() ? weights.flatten().to(head_input.scalar_type()) : weights)};
  const Tensor logits = Linear(head_input, head_weight, products);
  return {logits.view({pass.plan.batch, pass.plan.tokens, -1}), {}};
}

void CheckBatch(const Batch& batch, const arch::Config& config) {
  HADAL_CHECK(batch.ids.dim() == 2 && batch.ids.scalar_type() == torch::kLong);
  HADAL_CHECK(batch.ids.numel() > 0 && batch.documents.sizes() == batch.ids.sizes());
  HADAL_CHECK(batch.ids.min().item<std::int64_t>() >= 0 &&
              batch.ids.max().item<std::int64_t>() < static_cast<std::int64_t>(config.vocab_size));
}

}  // namespace

ModelWeights V4ModelImpl::Bind(const Quantize& quantize) const {
  return BindWeights(config_, [&](const arch::TensorId& id) {
    const auto found = tensors_.find(ParameterName(id));
    HADAL_CHECK(found != tensors_.end());
    return AsStored(found->second.spec, found->second.values, quantize);
  });
}

V4ModelImpl::V4ModelImpl(arch::Config config, std::uint64_t seed, double init_std,
                         Residual residual)
    : config_(std::move(config)), residual_(residual) {
  std::uint64_t place = 0;
  for (ParameterSpec& spec : ParametersOf(config_, residual_)) {
    const Tensor values = StartingValues(spec, config_, init_std, seed, place++);
    const Tensor registered = Register(*this, spec, values);
    const std::string name = spec.name;
    tensors_.emplace(name, Parameter{std::move(spec), registered});
  }
}

Output V4ModelImpl::Forward(const Batch& batch, const ForwardOptions& options) {
  CheckBatch(batch, config_);
  const ModelWeights w = Bind(options.quantize);
  const torch::TensorOptions like = w.embed.options();
  Pass pass{
      config_,   options,
      residual_, PlanDocuments(batch.documents, static_cast<std::int64_t>(config_.sliding_window)),
      {},        {}};
  pass.window_rotary = MakeRotaryTable(RotaryFrequencies(config_, false), pass.plan.longest, like);
  pass.compressed_rotary =
      MakeRotaryTable(RotaryFrequencies(config_, true), pass.plan.longest, like);

  const auto streams_count = static_cast<std::int64_t>(config_.hc_mult);
  Tensor streams = torch::embedding(w.embed, batch.ids.reshape({-1}))
                       .unsqueeze(1)
                       .expand({-1, streams_count, -1});
  std::vector<Tensor> loads, indexer_losses, balance_losses;
  const auto collect = [&](const BlockResult& block) {
    loads.push_back(block.load);
    if (block.indexer_loss.defined()) indexer_losses.push_back(block.indexer_loss);
    if (block.balance_loss.defined()) balance_losses.push_back(block.balance_loss);
  };
  for (const BlockWeights& layer : w.layers) {
    const BlockResult block = RunBlock(streams, batch.ids, layer, pass);
    collect(block);
    streams = block.streams;
  }

  Output output;
  const Predicted next =
      Predict(HeadInput(streams, w.head, pass), w.head_weight, batch.targets, batch.weights, pass);
  output.logits = next.logits;
  output.ce = next.ce;
  if (w.mtp && options.mtp) {
    // The last token has no successor here; whatever stands in for it is seen by no other token.
    const MtpResult mtp = RunMtp(streams, batch.ids.roll(-1, 1), w, pass);
    collect(mtp.block);
    const Predicted after =
        Predict(mtp.head_input, w.head_weight, batch.mtp_targets, batch.mtp_weights, pass);
    output.mtp_logits = after.logits;
    output.mtp_ce = after.ce;
  } else if (w.mtp) {
    loads.push_back(torch::zeros_like(loads.front()));
  }
  output.balance_loss = MeanOrZero(balance_losses, w.embed);
  output.indexer_loss = MeanOrZero(indexer_losses, w.embed);
  output.expert_load = torch::stack(loads);
  return output;
}

void V4ModelImpl::UpdateGateBias(const Tensor& expert_load, double speed) {
  const torch::NoGradGuard no_grad;
  const Tensor load = expert_load.to(torch::kDouble);
  const Tensor step = (load.mean(1, true) - load).sign() * speed;
  for (auto& [name, tensor] : tensors_) {
    const arch::TensorId& id = tensor.spec.published[0].id;
    if (id.role != arch::Role::kGateBias) continue;
    const std::size_t row =
        id.layer + (id.part == arch::Part::kMtp ? config_.num_hidden_layers : 0);
    tensor.values.add_(step[static_cast<std::int64_t>(row)].to(tensor.values.options()));
  }
}

}  // namespace hadal::train
