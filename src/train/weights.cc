#include "train/weights.h"

namespace hadal::train {
namespace {

using arch::Part;
using arch::Role;
using torch::Tensor;

// The parts of one layer, of an MTP block or of the model itself.
class Binder {
 public:
  explicit Binder(const Lookup& lookup, Part part = Part::kModel, std::size_t layer = 0)
      : lookup_(lookup), part_(part), layer_(layer) {}

  Tensor Get(Role role) const { return lookup_({.role = role, .part = part_, .layer = layer_}); }

  HeadWeights Head() const {
    return {{Get(Role::kHcHeadFn), Get(Role::kHcHeadBase), Get(Role::kHcHeadScale)},
            Get(Role::kNorm)};
  }

  BlockWeights Block(std::size_t ratio, bool hashed) const {
    return {Get(Role::kAttnNorm),
            Get(Role::kFfnNorm),
            {Get(Role::kHcAttnFn), Get(Role::kHcAttnBase), Get(Role::kHcAttnScale)},
            {Get(Role::kHcFfnFn), Get(Role::kHcFfnBase), Get(Role::kHcFfnScale)},
            Attention(ratio),
            Moe(hashed)};
  }

 private:
  AttentionWeights Attention(std::size_t ratio) const {
    AttentionWeights w;
    w.wq_a = Get(Role::kWqA);
    w.q_norm = Get(Role::kQNorm);
    w.wq_b = Get(Role::kWqB);
    w.wkv = Get(Role::kWkv);
    w.kv_norm = Get(Role::kKvNorm);
    w.attn_sink = Get(Role::kAttnSink);
    w.wo_a = Get(Role::kWoA);
    w.wo_b = Get(Role::kWoB);
    w.ratio = static_cast<std::int64_t>(ratio);
    if (ratio == 0) return w;
    w.compressor = {Get(Role::kCompressorWkv), Get(Role::kCompressorWgate),
                    Get(Role::kCompressorApe), Get(Role::kCompressorNorm)};
    if (ratio != arch::kCsaRatio) return w;
    w.indexer.wq_b = Get(Role::kIndexerWqB);
    w.indexer.weights_proj = Get(Role::kIndexerWeightsProj);
    w.indexer.compressor = {Get(Role::kIndexerWkv), Get(Role::kIndexerWgate),
                            Get(Role::kIndexerApe), Get(Role::kIndexerNorm)};
    return w;
  }

  MoeWeights Moe(bool hashed) const {
    MoeWeights w;
    w.gate = Get(Role::kGate);
    (hashed ? w.tid2eid : w.bias) = Get(hashed ? Role::kTid2Eid : Role::kGateBias);
    w.experts = {Get(Role::kExpertW1), Get(Role::kExpertW2), Get(Role::kExpertW3)};
    w.shared = {Get(Role::kSharedW1), Get(Role::kSharedW2), Get(Role::kSharedW3)};
    return w;
  }

  const Lookup& lookup_;
  Part part_;
  std::size_t layer_;
};

}  // namespace

ModelWeights BindWeights(const arch::Config& config, const Lookup& lookup) {
  const Binder model(lookup);
  ModelWeights w;
  w.embed = model.Get(Role::kEmbed);
  w.head_weight = model.Get(Role::kHead);
  w.head = model.Head();
  const std::size_t layers = config.num_hidden_layers;
  for (std::size_t layer = 0; layer < layers; ++layer)
    w.layers.push_back(
        Binder(lookup, Part::kLayer, layer)
            .Block(config.compress_ratios.at(layer), layer < config.num_hash_layers));
  if (config.num_nextn_predict_layers == 0) return w;
  const Binder mtp(lookup, Part::kMtp);
  w.mtp = MtpWeights{mtp.Block(config.compress_ratios.at(layers), false),
                     mtp.Get(Role::kEProj),
                     mtp.Get(Role::kHProj),
                     mtp.Get(Role::kENorm),
                     mtp.Get(Role::kHNorm),
                     mtp.Head()};
  return w;
}

}  // namespace hadal::train
