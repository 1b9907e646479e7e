#include "train/attention.h"

#include "train/attention_core.h"
#include "train/compressor.h"
#include "train/indexer.h"
#include "train/quantize_ste.h"
#include "train/rms_norm.h"

namespace hadal::train {
namespace {

using torch::Tensor;

constexpr auto kCsa = static_cast<std::int64_t>(arch::kCsaRatio);

Tensor Stored(const Tensor& entry, const Pass& pass) {
  if (!pass.options.quantize.kv) return entry;
  return StoredKv(entry, static_cast<std::int64_t>(pass.config.nope_dim()));
}

// y = wo_b [wo_a_g o_g]; o [rows, heads*head_dim].
Tensor GroupedOutput(const Tensor& o, const AttentionWeights& w, const Pass& pass) {
  const auto groups = static_cast<std::int64_t>(pass.config.o_groups);
  const std::int64_t rows = o.size(0), width = o.size(1) / groups;
  const Products products = pass.options.products;
  const Tensor low =
      HeadGroups(o.view({rows, groups, width}), w.wo_a.view({groups, -1, width}), products);
  return Linear(low.view({rows, -1}), w.wo_b, products);
}

// Notes how far choices by FP4 scores are those by float ones.
void CountAgreement(const Tensor& x, const Tensor& q_r, const IndexerWeights& w, const Pass& pass,
                    const RotaryTable& rotary) {
  const auto topk = static_cast<std::int64_t>(pass.config.index_topk);
  const auto choose = [&](bool fp4) {
    ForwardOptions options = pass.options;
    options.quantize.indexer = fp4;
    const Tensor scores = IndexerScores(x, q_r, w, pass.plan, rotary, pass.config, options);
    return SelectEntries(scores, pass.plan.csa, topk);
  };
  const Tensor exact = choose(false), rounded = choose(true);
  const Tensor has_choice = (pass.plan.csa.end - pass.plan.csa.begin > topk).view({-1});
  const auto count = [&](const Tensor& selected) {
    return selected.flatten(0, 1).sum(1).masked_select(has_choice).sum().item<std::int64_t>();
  };
  pass.options.seen->chosen += count(exact);
  pass.options.seen->chosen_again += count(exact * rounded);
}

// Fills in what the indexer decides; returns its scores (undefined if it is not used).
Tensor RunIndexer(const Tensor& x, const Tensor& q_r, const AttentionWeights& w, const Pass& pass,
                  const RotaryTable& rotary, AttentionInputs& in) {
  const Attention mode = pass.options.attention;
  if (w.ratio != kCsa || mode == Attention::kDense || in.entries.size(1) == 0) return {};
  const Tensor scores =
      IndexerScores(x, q_r, w.indexer, pass.plan, rotary, pass.config, pass.options);
  if (pass.options.seen != nullptr) CountAgreement(x, q_r, w.indexer, pass, rotary);
  if (mode == Attention::kSparse)
    in.selected =
        SelectEntries(scores, pass.plan.csa, static_cast<std::int64_t>(pass.config.index_topk));
  in.want_mass = true;
  return scores;
}

}  // namespace

SublayerResult AttentionLayer(const Tensor& x, const AttentionWeights& w, const Pass& pass) {
  const arch::Config& c = pass.config;
  const DocumentPlan& plan = pass.plan;
  const auto heads = static_cast<std::int64_t>(c.num_attention_heads),
             head_dim = static_cast<std::int64_t>(c.head_dim);
  const RotaryTable& rotary = w.ratio == 0 ? pass.window_rotary : pass.compressed_rotary;
  const Entries& visible = w.ratio == kCsa ? plan.csa : plan.hca;

  const Products products = pass.options.products;

  const Tensor q_r = RmsNorm(Linear(x, w.wq_a, products), w.q_norm, c.rms_norm_eps);
  const Tensor q = Linear(q_r, w.wq_b, products).view({plan.batch, plan.tokens, heads, head_dim});
  const Tensor kv = RmsNorm(Linear(x, w.wkv, products), w.kv_norm, c.rms_norm_eps);

  AttentionInputs in;
  in.q = Rotate(RmsNorm(q, Tensor(), c.rms_norm_eps), plan.positions, rotary);
  in.kv = Rotate(kv.view({plan.batch, plan.tokens, 1, head_dim}), plan.positions, rotary);
  in.kv = Stored(in.kv.squeeze(2), pass);
  in.sink = w.attn_sink;
  if (w.ratio != 0) {
    const Tensor pooled = Compress(x, w.compressor, visible, c.rms_norm_eps, products);
    in.entries = Stored(Rotate(pooled.unsqueeze(2), visible.positions, rotary).squeeze(2), pass);
  }
  const Tensor scores = RunIndexer(x, q_r, w, pass, rotary, in);
  const AttentionResult attended =
      AttentionCore(in, plan, static_cast<std::int64_t>(c.sliding_window),
                    w.ratio != 0 ? &visible : nullptr, products);

  SublayerResult result;
  const Tensor o = Rotate(attended.o, plan.positions, rotary, /*inverse=*/true);
  result.y = GroupedOutput(o.view({-1, heads * head_dim}), w, pass);
  if (scores.defined())
    result.indexer_loss = IndexerLoss(scores, attended.mass, visible,
                                      pass.options.indexer_sees_all ? Tensor() : in.selected);
  return result;
}

}  // namespace hadal::train
