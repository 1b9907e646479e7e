#include "reference/v32/model.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "reference/reader.h"
#include "reference/v32/attention.h"

namespace hadal::reference::v32 {
namespace {

Row RunGated(const Gated& w, const Row& x, const Rounding& round) {
  const Row gate = Linear(w.gate, x, round), up = Linear(w.up, x, round);
  Row h(gate.size());
  for (std::size_t i = 0; i < h.size(); ++i) h[i] = round(Silu(gate[i]) * up[i]);
  return Linear(w.down, h, round);
}

// The best groups' experts keep their scores, the others get -infinity.
Row WithoutOtherGroups(Row biased, const Config& c) {
  const std::size_t size = c.experts / c.groups;
  Row groups;
  for (std::size_t g = 0; g < c.groups; ++g) {
    const auto begin = biased.begin() + static_cast<std::ptrdiff_t>(g * size);
    Row group(begin, begin + static_cast<std::ptrdiff_t>(size));
    std::sort(group.rbegin(), group.rend());
    groups.push_back(group[0] + (size > 1 ? group[1] : 0));
  }
  const std::vector<std::size_t> kept = LargestK(groups, c.kept_groups);
  for (std::size_t e = 0; e < c.experts; ++e)
    if (std::find(kept.begin(), kept.end(), e / size) == kept.end())
      biased[e] = -std::numeric_limits<double>::infinity();
  return biased;
}

Route ChooseExperts(const Layer& w, const Row& x, const Config& c) {
  Row scores = Product(w.router, x);
  for (double& s : scores) s = Sigmoid(s);
  Row biased = scores;
  for (std::size_t e = 0; e < biased.size(); ++e) biased[e] += w.bias[e];
  if (c.groups > 1) biased = WithoutOtherGroups(std::move(biased), c);
  Route route;
  route.experts = LargestK(biased, c.topk);
  double sum = 0;
  for (const std::size_t e : route.experts) sum += scores[e];
  for (const std::size_t e : route.experts)
    route.weights.push_back(scores[e] / sum * c.routed_scaling);
  return route;
}

Row RunExperts(const Layer& w, const Row& x, const Route& route, const Rounding& round) {
  Row y = RunGated(w.shared, x, round);
  for (std::size_t i = 0; i < route.experts.size(); ++i) {
    const Row out = RunGated(w.experts[route.experts[i]], x, round);
    for (std::size_t d = 0; d < y.size(); ++d) y[d] += route.weights[i] * out[d];
  }
  return round(std::move(y));
}

void Add(const Rows& y, Rows* x) {
  for (std::size_t p = 0; p < y.size(); ++p)
    for (std::size_t d = 0; d < y[p].size(); ++d) (*x)[p][d] += y[p][d];
}

// The norms see the sum; what is carried on is rounded.
Rows Normalised(const Row& gain, double eps, const Rounding& round, Rows* x) {
  Rows y;
  for (Row& row : *x) {
    y.push_back(RmsNorm(row, gain, eps, round));
    row = round(row);
  }
  return y;
}

Row EmbeddingOf(const Matrix& embed, std::int32_t token) {
  const float* row = embed.row(static_cast<std::size_t>(token));
  return Row(row, row + embed.cols);
}

Rows Logits(const Model& model, const Row& norm, const Rows& x, const Rounding& round) {
  Rows logits;
  for (const Row& row : x)
    logits.push_back(Product(model.head, RmsNorm(row, norm, model.config.norm_eps, round)));
  return logits;
}

// [enorm(embedding of the next token) ; hnorm(x)] through eh_proj.
Rows MtpInput(const Model& model, std::span<const std::int32_t> tokens, const Rows& x,
              const Rounding& round) {
  const double eps = model.config.norm_eps;
  Rows z;
  for (std::size_t p = 0; p + 1 < tokens.size(); ++p) {
    Row both = RmsNorm(EmbeddingOf(model.embed, tokens[p + 1]), model.mtp->enorm, eps, round);
    const Row h = RmsNorm(round(x[p]), model.mtp->hnorm, eps, round);
    both.insert(both.end(), h.begin(), h.end());
    z.push_back(Linear(model.mtp->eh, both, round));
  }
  return z;
}

Gated ReadGated(Reader& r, const std::string& p) {
  return {r.Mat(p + "gate_proj.weight"), r.Mat(p + "up_proj.weight"),
          r.Mat(p + "down_proj.weight")};
}

Layer ReadLayer(Reader& r, const std::string& p, const Config& c, bool dense) {
  const std::string a = p + "self_attn.";
  Layer w;
  w.input_norm = r.Vec(p + "input_layernorm.weight");
  w.post_norm = r.Vec(p + "post_attention_layernorm.weight");
  w.q_a = r.Mat(a + "q_a_proj.weight");
  w.q_b = r.Mat(a + "q_b_proj.weight");
  w.kv_a = r.Mat(a + "kv_a_proj_with_mqa.weight");
  w.kv_b = r.Mat(a + "kv_b_proj.weight");
  w.o = r.Mat(a + "o_proj.weight");
  w.q_norm = r.Vec(a + "q_a_layernorm.weight");
  w.kv_norm = r.Vec(a + "kv_a_layernorm.weight");
  w.index_q = r.Mat(a + "indexer.wq_b.weight");
  w.index_k = r.Mat(a + "indexer.wk.weight");
  w.index_w = r.Mat(a + "indexer.weights_proj.weight");
  w.index_gain = r.Vec(a + "indexer.k_norm.weight");
  w.index_bias = r.Vec(a + "indexer.k_norm.bias");
  if (dense) {
    w.mlp = ReadGated(r, p + "mlp.");
    return w;
  }
  w.router = r.Mat(p + "mlp.gate.weight");
  w.bias = r.Vec(p + "mlp.gate.e_score_correction_bias");
  for (std::size_t e = 0; e < c.experts; ++e)
    w.experts.push_back(ReadGated(r, fmt::format("{}mlp.experts.{}.", p, e)));
  w.shared = ReadGated(r, p + "mlp.shared_experts.");
  return w;
}

Config ReadConfig(Reader& r, const Json& json) {
  Config c;
  c.vocab = r.Count("vocab_size");
  c.dim = r.Count("hidden_size");
  c.layers = r.Count("num_hidden_layers");
  c.heads = r.Count("num_attention_heads");
  c.rank = r.Count("kv_lora_rank");
  c.nope = r.Count("qk_nope_head_dim");
  c.rope = r.Count("qk_rope_head_dim");
  c.value = r.Count("v_head_dim");
  c.index_heads = r.Count("index_n_heads");
  c.index_dim = r.Count("index_head_dim");
  c.index_topk = r.Count("index_topk");
  c.dense_layers = r.Count("first_k_dense_replace");
  c.experts = r.Count("n_routed_experts");
  c.topk = r.Count("num_experts_per_tok");
  c.groups = r.Count("n_group");
  c.kept_groups = r.Count("topk_group");
  c.mtp_blocks = r.Count("num_nextn_predict_layers");
  c.routed_scaling = r.Number(json, "routed_scaling_factor");
  c.norm_eps = r.Number(json, "rms_norm_eps");
  c.rope_theta = r.Number(json, "rope_theta");
  if (const Json* yarn = json.Find("rope_scaling"); yarn != nullptr && yarn->AsObject()) {
    c.yarn_factor = r.Number(*yarn, "factor");
    c.yarn_beta_fast = r.Number(*yarn, "beta_fast");
    c.yarn_beta_slow = r.Number(*yarn, "beta_slow");
    c.yarn_original = r.Number(*yarn, "original_max_position_embeddings");
    c.mscale = r.Number(*yarn, "mscale_all_dim");
  }
  const Json* quantised = json.Find("quantization_config");
  const Json* scale_fmt = (quantised != nullptr ? *quantised : json).Find("scale_fmt");
  if (scale_fmt == nullptr) c.scales = ScaleRule::kExact;
  return c;
}

}  // namespace

Rounding Model::RoundingOf(bool quantised) const {
  if (!quantised) return Rounding::F32();
  Rounding round = Rounding::F32q();
  round.scales = config.scales;
  return round;
}

LayerTrace Model::RunLayer(const Layer& w, const Rounding& round, Rows* x) const {
  LayerTrace trace;
  const Rope rope(config);
  Add(Attend(w, Normalised(w.input_norm, config.norm_eps, round, x), config, rope, round,
             &trace.selections),
      x);
  Rows y;
  for (const Row& row : Normalised(w.post_norm, config.norm_eps, round, x)) {
    if (w.mlp) {
      y.push_back(RunGated(*w.mlp, row, round));
      continue;
    }
    trace.routes.push_back(ChooseExperts(w, row, config));
    y.push_back(RunExperts(w, row, trace.routes.back(), round));
  }
  Add(y, x);
  return trace;
}

Outputs Model::Run(std::span<const std::int32_t> tokens, bool quantised, bool with_mtp) const {
  const Rounding round = RoundingOf(quantised);
  Outputs out;
  Rows x;
  for (const std::int32_t token : tokens) x.push_back(EmbeddingOf(embed, token));
  out.streams.push_back(x);
  for (const Layer& layer : layers) {
    out.layers.push_back(RunLayer(layer, round, &x));
    out.streams.push_back(x);
  }
  out.logits = Logits(*this, norm, x, round);
  if (!with_mtp || !mtp) return out;
  Rows z = MtpInput(*this, tokens, x, round);
  RunLayer(mtp->layer, round, &z);
  out.mtp_logits = Logits(*this, mtp->norm, z, round);
  return out;
}

Result<Model> LoadModel(const std::string& directory) {
  HADAL_TRY(const io::Checkpoint checkpoint, io::Checkpoint::Open(directory));
  Reader r(checkpoint, ".weight_scale_inv");
  Model model;
  model.config = ReadConfig(r, checkpoint.config());
  const Config& c = model.config;
  model.embed = r.Mat("model.embed_tokens.weight");
  model.head = r.Mat("lm_head.weight");
  model.norm = r.Vec("model.norm.weight");
  for (std::size_t l = 0; l < c.layers; ++l)
    model.layers.push_back(ReadLayer(r, fmt::format("model.layers.{}.", l), c, l < c.dense_layers));
  if (c.mtp_blocks > 0) {
    const std::string p = fmt::format("model.layers.{}.", c.layers);
    model.mtp =
        Mtp{ReadLayer(r, p, c, false), r.Mat(p + "eh_proj.weight"), r.Vec(p + "enorm.weight"),
            r.Vec(p + "hnorm.weight"), r.Vec(p + "shared_head.norm.weight")};
  }
  if (r.error()) return *r.error();
  return model;
}

}  // namespace hadal::reference::v32
