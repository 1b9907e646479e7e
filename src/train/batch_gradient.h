// Loss and gradients of one batch, its shards computed side by side.
//
// A shard is a part of the batch's rows. Each worker has a twin of the model that shares the
// model's values and has gradients of its own; the gradients of the shards are added in the order
// of the shards, so the sum does not depend on how many workers there are.
#pragma once
#include <torch/torch.h>

#include <memory>
#include <vector>

#include "train/data.h"
#include "train/schedule.h"
#include "train/train_config.h"
#include "train/train_state.h"
#include "train/v4_model.h"
#include "train/workers.h"

namespace hadal::train {

struct BatchLoss {
  // Nats a token, means by the sample's weights: of next tokens, and of tokens t+2 (0 if the model
  // has no MTP block, or it has weight 0).
  double loss = 0, mtp_loss = 0;
  double balance_loss = 0;     // unweighted; mean over shards
  double indexer_loss = 0;     // likewise
  double gradient_length = 0;  // Euclidean, of all gradients together; as finite as they are
  torch::Tensor expert_load;   // [layers + mtp blocks, experts] int64, of the whole batch
};

// What config.precision means on this machine and the config's device.
Products ProductsOf(const TrainConfig& config);
ForwardOptions OptionsOf(const StepPlan& plan, Products products, bool mtp);

// [rows, tokens] of rows [first, first + rows) of one of a sample's arrays; T: int64, float.
template <class T>
torch::Tensor SampleRows(const Sample& sample, const std::vector<T>& values, std::size_t first,
                         std::size_t rows, torch::Device device) {
  HADAL_CHECK(values.size() == sample.rows * sample.row_tokens && first + rows <= sample.rows);
  // from_blob wants a pointer it may write through; the copy below never lets it.
  auto* const begin = const_cast<T*>(values.data() + first * sample.row_tokens);
  return torch::from_blob(
             begin, {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(sample.row_tokens)},
             torch::CppTypeToScalarType<T>::value)
      .clone()
      .to(device);
}

class BatchGradient {
 public:
  // Model, config and workers outlive it.
  BatchGradient(V4Model model, const TrainConfig& config, Workers& workers);

  // Leaves the gradient of the batch's whole loss in the model's parameters (those not reached by
  // it
  // have none). The total is  CE + mtp_weight*CE_mtp + balance*L_balance + indexer*L_indexer, or
  // with plan.indexer_only indexer*L_indexer alone.
  Result<BatchLoss> Compute(const Sample& sample, const StepPlan& plan);

  Products products() const { return products_; }

  // Runs `work(worker's model, item)` for items [0, n) on the workers.
  Status ForEach(std::size_t items, const std::function<Status(V4Model&, std::size_t)>& work);

 private:
  struct Shard {
    double ce_sum = 0, mtp_sum = 0, balance = 0, indexer = 0;
    torch::Tensor expert_load;
    std::vector<torch::Tensor> gradients;  // as twin parameters; undefined where there is none
  };
  Status ComputeShard(V4Model& twin, const Sample& sample, const StepPlan& plan, std::size_t index,
                      Shard* shard);
  Result<double> SumGradients(const std::vector<Shard>& shards);
  void ShareValues();

  V4Model model_;
  const TrainConfig& config_;
  Products products_;
  Workers& workers_;
  std::vector<V4Model> twins_;  // one a worker; the first is the model itself
};

}  // namespace hadal::train
