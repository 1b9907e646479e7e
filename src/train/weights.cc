#include "train/weights.h"

#include <fmt/format.h>

namespace hadal::train {
namespace {

HyperWeights BindHyper(const std::string& at, const Lookup& lookup) {
  return {lookup(at + "_fn"), lookup(at + "_base"), lookup(at + "_scale")};
}

CompressorWeights BindCompressor(const std::string& at, const Lookup& lookup) {
  return {lookup(at + "wkv.weight"), lookup(at + "wgate.weight"), lookup(at + "ape"),
          lookup(at + "norm.weight")};
}

AttentionWeights BindAttention(const std::string& at, std::int64_t ratio, const Lookup& lookup) {
  AttentionWeights w;
  w.wq_a = lookup(at + "wq_a.weight");
  w.q_norm = lookup(at + "q_norm.weight");
  w.wq_b = lookup(at + "wq_b.weight");
  w.wkv = lookup(at + "wkv.weight");
  w.kv_norm = lookup(at + "kv_norm.weight");
  w.attn_sink = lookup(at + "attn_sink");
  w.wo_a = lookup(at + "wo_a.weight");
  w.wo_b = lookup(at + "wo_b.weight");
  w.ratio = ratio;
  if (ratio != 0) w.compressor = BindCompressor(at + "compressor.", lookup);
  if (ratio == static_cast<std::int64_t>(arch::kCsaRatio)) {
    w.indexer.wq_b = lookup(at + "indexer.wq_b.weight");
    w.indexer.weights_proj = lookup(at + "indexer.weights_proj.weight");
    w.indexer.compressor = BindCompressor(at + "indexer.compressor.", lookup);
  }
  return w;
}

MoeWeights BindMoe(const std::string& at, bool hashed, const Lookup& lookup) {
  MoeWeights w;
  w.gate = lookup(at + "gate.weight");
  (hashed ? w.tid2eid : w.bias) = lookup(at + (hashed ? "gate.tid2eid" : "gate.bias"));
  w.experts = {lookup(at + "experts.w1"), lookup(at + "experts.w2"), lookup(at + "experts.w3")};
  w.shared = {lookup(at + "shared_experts.w1.weight"), lookup(at + "shared_experts.w2.weight"),
              lookup(at + "shared_experts.w3.weight")};
  return w;
}

BlockWeights BindBlock(const std::string& at, std::size_t ratio, bool hashed,
                       const Lookup& lookup) {
  return {lookup(at + "attn_norm.weight"),
          lookup(at + "ffn_norm.weight"),
          BindHyper(at + "hc_attn", lookup),
          BindHyper(at + "hc_ffn", lookup),
          BindAttention(at + "attn.", static_cast<std::int64_t>(ratio), lookup),
          BindMoe(at + "ffn.", hashed, lookup)};
}

}  // namespace

ModelWeights BindWeights(const arch::Config& config, const Lookup& lookup) {
  ModelWeights w;
  w.embed = lookup("embed.weight");
  w.head_weight = lookup("head.weight");
  w.head = {BindHyper("hc_head", lookup), lookup("norm.weight")};
  const std::size_t layers = config.num_hidden_layers;
  for (std::size_t layer = 0; layer < layers; ++layer)
    w.layers.push_back(BindBlock(fmt::format("layers.{}.", layer), config.compress_ratios.at(layer),
                                 layer < config.num_hash_layers, lookup));
  if (config.num_nextn_predict_layers == 0) return w;
  w.mtp = MtpWeights{BindBlock("mtp.0.", config.compress_ratios.at(layers), false, lookup),
                     lookup("mtp.0.e_proj.weight"),
                     lookup("mtp.0.h_proj.weight"),
                     lookup("mtp.0.enorm.weight"),
                     lookup("mtp.0.hnorm.weight"),
                     {BindHyper("mtp.0.hc_head", lookup), lookup("mtp.0.norm.weight")}};
  return w;
}

}  // namespace hadal::train
