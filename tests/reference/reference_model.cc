#include "reference/reference_model.h"

namespace hadal::reference {
namespace {

Row EmbeddingOf(const Matrix& embed, std::int32_t token) {
  const float* row = embed.row(static_cast<std::size_t>(token));
  return Row(row, row + embed.cols);
}

Row FourTimes(const Row& x) {
  Row out;
  for (std::size_t j = 0; j < kStreams; ++j) out.insert(out.end(), x.begin(), x.end());
  return out;
}

Row LogitsOf(const Row& f, const HyperConnection& hc_head, const Row& norm, const Model& model,
             const Rounding& round) {
  const Row y = ReduceForHead(hc_head, f, model.config, model.rules, round);
  return Product(model.weights.head, RmsNorm(y, norm, model.config.norm_eps, round));
}

// Z_j = e_proj RMSNorm(embedding) + h_proj RMSNorm(X_j)
Row MtpInput(const Mtp& mtp, const Row& embedding, const Row& f, const Model& model,
             const Rounding& round) {
  const double eps = model.config.norm_eps;
  const std::size_t dim = model.config.dim;
  const Row e = Linear(mtp.e_proj, RmsNorm(embedding, mtp.enorm, eps, round), round);
  Row z;
  for (std::size_t j = 0; j < kStreams; ++j) {
    const auto begin = f.begin() + static_cast<std::ptrdiff_t>(j * dim);
    const Row stream(begin, begin + static_cast<std::ptrdiff_t>(dim));
    const Row h = Linear(mtp.h_proj, RmsNorm(stream, mtp.hnorm, eps, round), round);
    for (std::size_t d = 0; d < dim; ++d)
      z.push_back(round((model.rules.mtp_uses_embedding ? e[d] : 0) + h[d]));
  }
  return z;
}

Rows RunMtp(const Model& model, std::span<const std::int32_t> tokens, const Rows& streams,
            const Rounding& round, LayerTrace* trace) {
  const Mtp& mtp = *model.weights.mtp;
  Rows z;
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    const std::size_t token = model.rules.mtp_embeds_next_token ? i + 1 : i;
    z.push_back(
        MtpInput(mtp, EmbeddingOf(model.weights.embed, tokens[token]), streams[i], model, round));
  }
  if (z.empty()) return {};
  *trace = model.RunLayer(mtp.layer, model.config.ratios[model.config.layers],
                          tokens.first(z.size()), round, &z);
  Rows logits;
  for (const Row& f : z) logits.push_back(LogitsOf(f, mtp.hc_head, mtp.norm, model, round));
  return logits;
}

}  // namespace

LayerTrace Model::RunLayer(const Layer& layer, std::size_t ratio,
                           std::span<const std::int32_t> tokens, const Rounding& round,
                           Rows* streams) const {
  Rows& f = *streams;
  LayerTrace trace;

  Rows x;
  std::vector<Mixing> mix;
  for (const Row& row : f) {
    mix.push_back(Mix(layer.hc_attn, row, config, rules));
    const Row y = ReduceStreams(row, mix.back().pre, round);
    x.push_back(RmsNorm(y, layer.attn_norm, config.norm_eps, round));
  }
  AttentionResult attention = Attend(layer.attn, ratio, x, config, rules, round);
  trace.selections = std::move(attention.selections);

  for (std::size_t t = 0; t < f.size(); ++t) {
    f[t] = ExpandStreams(f[t], attention.out[t], mix[t], round);
    const Mixing ffn_mix = Mix(layer.hc_ffn, f[t], config, rules);
    const Row y = ReduceStreams(f[t], ffn_mix.pre, round);
    const Row in = RmsNorm(y, layer.ffn_norm, config.norm_eps, round);
    const auto token = static_cast<std::size_t>(tokens[t]);
    trace.routes.push_back(ChooseExperts(layer.ffn, in, token, config, rules));
    const Row out = RunExperts(layer.ffn, in, trace.routes.back(), config, rules, round);
    f[t] = ExpandStreams(f[t], out, ffn_mix, round);
  }
  return trace;
}

Outputs Model::Run(std::span<const std::int32_t> tokens, const Rounding& round,
                   bool with_mtp) const {
  Outputs out;
  Rows f;
  for (std::int32_t token : tokens) f.push_back(FourTimes(EmbeddingOf(weights.embed, token)));
  out.streams.push_back(f);
  for (std::size_t l = 0; l < config.layers; ++l) {
    out.layers.push_back(RunLayer(weights.layers[l], config.ratios[l], tokens, round, &f));
    out.streams.push_back(f);
  }
  for (const Row& row : f)
    out.logits.push_back(LogitsOf(row, weights.hc_head, weights.norm, *this, round));
  if (with_mtp && weights.mtp) out.mtp_logits = RunMtp(*this, tokens, f, round, &out.mtp);
  return out;
}

Result<Model> LoadModel(const std::string& directory) {
  HADAL_TRY(Loaded loaded, LoadWeights(directory));
  return Model{std::move(loaded.config), std::move(loaded.weights), {}};
}

}  // namespace hadal::reference
