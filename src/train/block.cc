#include "train/block.h"

#include "train/hyper_connection.h"
#include "train/moe.h"
#include "train/rms_norm.h"

namespace hadal::train {
namespace {

using torch::Tensor;

HyperMixOptions MixOptions(const Pass& pass) {
  const arch::Config& config = pass.config;
  return {static_cast<std::int64_t>(config.hc_mult),
          static_cast<std::int64_t>(config.hc_sinkhorn_iters), config.hc_eps,
          pass.residual != Residual::kUnconstrained};
}

// f(normalised input of the sub-layer) -> its output; returns the new streams.
template <class F>
Tensor Connected(const Tensor& streams, const HyperWeights& w, const Tensor& norm, const Pass& pass,
                 F&& f) {
  const arch::Config& config = pass.config;
  const HyperReadResult read =
      HyperRead(streams, w, config.rms_norm_eps, MixOptions(pass), pass.options.products);
  if (pass.options.seen != nullptr) pass.options.seen->mixes.push_back(read.mix.detach());
  return HyperWrite(read.streams, f(RmsNorm(read.input, norm, config.rms_norm_eps)), read.mix);
}

}  // namespace

BlockResult RunBlock(const Tensor& streams, const Tensor& ids, const BlockWeights& w,
                     const Pass& pass) {
  BlockResult result;
  const auto attention = [&](const Tensor& x) {
    SublayerResult sublayer = AttentionLayer(x, w.attn, pass);
    result.indexer_loss = sublayer.indexer_loss;
    return sublayer.y;
  };
  const auto experts = [&](const Tensor& x) {
    MoeResult moe = Moe(x, ids, w.ffn, pass.config, pass.options.products);
    result.load = moe.load;
    result.balance_loss = moe.balance_loss;
    return moe.y;
  };
  const Tensor middle = Connected(streams, w.hc_attn, w.attn_norm, pass, attention);
  result.streams = Connected(middle, w.hc_ffn, w.ffn_norm, pass, experts);
  return result;
}

Tensor HeadInput(const Tensor& streams, const HeadWeights& w, const Pass& pass) {
  const double eps = pass.config.rms_norm_eps;
  const Tensor y = HyperRead(streams, w.hc, eps, MixOptions(pass), pass.options.products).input;
  return RmsNorm(y, w.norm, eps);
}

MtpResult RunMtp(const Tensor& streams, const Tensor& next_ids, const ModelWeights& weights,
                 const Pass& pass) {
  const MtpWeights& w = *weights.mtp;
  const double eps = pass.config.rms_norm_eps;
  const Products products = pass.options.products;
  const Tensor embedding = torch::embedding(weights.embed, next_ids.reshape({-1}));
  const Tensor e = Linear(RmsNorm(embedding, w.enorm, eps), w.e_proj, products);
  const Tensor h = Linear(RmsNorm(streams, w.hnorm, eps), w.h_proj, products);
  MtpResult result;
  result.block = RunBlock(h + e.unsqueeze(1), next_ids, w.block, pass);
  result.head_input = HeadInput(result.block.streams, w.head, pass);
  return result;
}

}  // namespace hadal::train
