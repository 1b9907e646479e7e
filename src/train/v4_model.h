// The DeepSeek-V4 architecture as a LibTorch module: the trainable twin of src/model/, computing
// the same function over whole sequences, with the same parameter names as the published
// checkpoint.
//
// Experts of a layer are stacked: parameter "layers.N.ffn.experts.w1" is [experts, inter, dim] and
// is exported as layers.N.ffn.experts.E.w1.weight. Every other parameter is named as in the
// checkpoint. Parameters are float32 (float64 for gradient checks), on one device, whichever it is.
#pragma once
#include <torch/torch.h>

#include <cstdint>
#include <map>
#include <string>

#include "arch/config.h"
#include "io/checkpoint.h"
#include "train/linear.h"
#include "train/schema.h"
#include "train/weights.h"

namespace hadal::train {

// Quantisation-aware training: which values pass through their stored format in the forward pass
// (gradients go straight through). Off: plain floats.
struct Quantize {
  bool experts = false;  // routed experts: FP4, 1x32 scales
  bool linears = false;  // the other FP8 matrices of the published format: 128x128 scales
  bool kv = false;  // window and compressed entries: NoPE channels FP8 per 64, RoPE channels BF16
  bool indexer = false;  // indexer queries and keys: Hadamard, FP4 per 32
};

enum class Attention {
  kDense,   // every visible compressed entry of a CSA layer is attended; the indexer is not used
  kWarmup,  // as kDense, and the indexer's KL loss is computed over all visible entries
  kSparse,  // the indexer's top-k is attended; its KL loss is over the selected entries, or all
};

// What a forward pass does on its way, for whoever measures it.
struct Seen {
  std::vector<torch::Tensor> mixes;  // of every sub-layer, as HyperReadResult::mix
  // Of the entries that a CSA layer chooses by float scores, how many it chooses by FP4 ones too;
  // over tokens that have a choice.
  std::int64_t chosen = 0, chosen_again = 0;
};

struct ForwardOptions {
  Attention attention = Attention::kDense;
  bool indexer_sees_all = false;  // TrainConfig: loss.indexer_entries is "visible"
  Quantize quantize = {};
  bool mtp = true;  // also run the MTP block (if the config has one)
  Products products = Products::kF32;
  Seen* seen = nullptr;  // not null: what passes by is noted there
};

// One packed batch. Documents lie one after another in a row; each has its own positions (from 0),
// its own compression blocks (a trailing incomplete block yields nothing) and sees only itself.
// All of it is where the model is.
struct Batch {
  torch::Tensor ids;  // [batch, tokens] int64
  torch::Tensor
      documents;  // [batch, tokens] int64: number of the document within the row, 0, 1, ...
  // What comes next and after next, [batch, tokens] int64, Sample::kIgnored where nothing does: the
  // output then holds losses in place of logits. The second is read only if the MTP block runs.
  torch::Tensor targets = {}, mtp_targets = {};
  torch::Tensor weights = {}, mtp_weights = {};  // of their losses; undefined: all 1
};

struct Output {
  torch::Tensor logits;  // [batch, tokens, vocab]: predicts token t+1
  torch::Tensor
      mtp_logits;  // [batch, tokens, vocab]: at t predicts token t+2; undefined if mtp is off
  torch::Tensor ce, mtp_ce;  // scalars: weighted sums of cross-entropy, where there are targets
  torch::Tensor
      // scalar: sequence-wise balance loss, mean over score-routed layers, unweighted
      balance_loss;
  torch::Tensor
      indexer_loss;  // scalar: KL, mean over CSA layers and over tokens with a choice; 0 if kDense
  // [layers + mtp blocks, experts] int64, on the CPU: tokens routed to each expert
  torch::Tensor expert_load;
};

class V4ModelImpl : public torch::nn::Module {
 public:
  // Initial values: normal, std `init_std`; norms 1; mHC scales 0.01; sinks, ape, biases 0; the
  // static biases of mHC so that a block begins as a plain residual one. tid2eid: a fixed balanced
  // hash of the token id. Source: report, mHC (0.01); DeepSeek-V3 report (normal); the rest is not
  // published.
  V4ModelImpl(arch::Config config, std::uint64_t seed, double init_std,
              Residual residual = Residual::kManifold);

  Output Forward(const Batch& batch, const ForwardOptions& options);

  const arch::Config& config() const { return config_; }
  Residual residual() const { return residual_; }

  // Aux-loss-free balancing: bias += speed * sign(mean load - load), for every score-routed layer.
  void UpdateGateBias(const torch::Tensor& expert_load, double speed);

  // Reads every tensor of a published checkpoint (any stored format). Missing, unexpected or
  // mis-shaped tensors are errors.
  Status Load(const io::Checkpoint& checkpoint);
  // Writes a checkpoint (convert/write_checkpoint.h), with `replace` over a model that is in
  // `directory`, in float32 or in the published FP8 + FP4 format, with the tokenizer's files of
  // another folder.
  enum class Format { kF32, kFp8Fp4 };
  Status Save(const std::string& directory, Format format, const std::string& tokenizer = {},
              bool replace = false) const;

 private:
  struct Parameter {
    ParameterSpec spec;
    torch::Tensor values;  // the module's registered tensor
  };
  ModelWeights Bind(const Quantize& quantize) const;

  arch::Config config_;
  Residual residual_;
  std::map<std::string, Parameter> tensors_;  // by name; buffers too
};
TORCH_MODULE(V4Model);

}  // namespace hadal::train
