#include "reference/weights.h"

#include "io/checkpoint.h"
#include "reference/reader.h"

namespace hadal::reference {
namespace {

Config ReadConfig(Reader& r, const Json& json) {
  Config c;
  c.vocab = r.Count("vocab_size");
  c.dim = r.Count("hidden_size");
  c.layers = r.Count("num_hidden_layers");
  c.heads = r.Count("num_attention_heads");
  c.head_dim = r.Count("head_dim");
  c.rope_dim = r.Count("qk_rope_head_dim");
  c.o_groups = r.Count("o_groups");
  c.window = r.Count("sliding_window");
  c.index_heads = r.Count("index_n_heads");
  c.index_dim = r.Count("index_head_dim");
  c.index_topk = r.Count("index_topk");
  c.experts = r.Count("n_routed_experts");
  c.topk = r.Count("num_experts_per_tok");
  c.hash_layers = r.Count("num_hash_layers");
  c.mtp_blocks = r.Count("num_nextn_predict_layers");
  c.hc_iterations = r.Count("hc_sinkhorn_iters");
  c.routed_scaling = r.Number(json, "routed_scaling_factor");
  c.swiglu_limit = r.Number(json, "swiglu_limit");
  c.hc_eps = r.Number(json, "hc_eps");
  c.norm_eps = r.Number(json, "rms_norm_eps");
  c.rope_theta = r.Number(json, "rope_theta");
  c.compress_rope_theta = r.Number(json, "compress_rope_theta");
  if (const Json* yarn = json.Find("rope_scaling")) {
    c.yarn_factor = r.Number(*yarn, "factor");
    c.yarn_beta_fast = r.Number(*yarn, "beta_fast");
    c.yarn_beta_slow = r.Number(*yarn, "beta_slow");
    c.yarn_original = r.Number(*yarn, "original_max_position_embeddings");
  }
  const Json* ratios = json.Find("compress_ratios");
  if (ratios != nullptr && ratios->AsArray() != nullptr)
    for (const Json& ratio : *ratios->AsArray())
      c.ratios.push_back(static_cast<std::size_t>(ratio.AsNumber().value_or(0)));
  return c;
}

HyperConnection ReadHyper(Reader& r, const std::string& prefix) {
  return {r.Mat(prefix + "_fn"), r.Vec(prefix + "_base"), r.Vec(prefix + "_scale")};
}

Compressor ReadCompressor(Reader& r, const std::string& prefix) {
  return {r.Mat(prefix + "wkv.weight"), r.Mat(prefix + "wgate.weight"), r.Mat(prefix + "ape"),
          r.Vec(prefix + "norm.weight")};
}

Attention ReadAttention(Reader& r, const std::string& p, std::size_t ratio) {
  Attention a;
  a.wq_a = r.Mat(p + "wq_a.weight");
  a.wq_b = r.Mat(p + "wq_b.weight");
  a.wkv = r.Mat(p + "wkv.weight");
  a.wo_a = r.Mat(p + "wo_a.weight");
  a.wo_a.quantised = false;  // FP8 in the file, used as bfloat16: its input stays as it is
  a.wo_b = r.Mat(p + "wo_b.weight");
  a.q_norm = r.Vec(p + "q_norm.weight");
  a.kv_norm = r.Vec(p + "kv_norm.weight");
  a.sink = r.Vec(p + "attn_sink");
  if (ratio != 0) a.compressor = ReadCompressor(r, p + "compressor.");
  if (ratio == 4)
    a.indexer = Indexer{r.Mat(p + "indexer.wq_b.weight"), r.Mat(p + "indexer.weights_proj.weight"),
                        ReadCompressor(r, p + "indexer.compressor.")};
  return a;
}

Expert ReadExpert(Reader& r, const std::string& p) {
  return {r.Mat(p + "w1.weight"), r.Mat(p + "w2.weight"), r.Mat(p + "w3.weight")};
}

Moe ReadMoe(Reader& r, const std::string& p, std::size_t experts, bool hash) {
  Moe m;
  m.gate = r.Mat(p + "gate.weight");
  if (hash)
    m.tid2eid = r.Ints(p + "gate.tid2eid");
  else
    m.bias = r.Vec(p + "gate.bias");
  for (std::size_t e = 0; e < experts; ++e)
    m.experts.push_back(ReadExpert(r, fmt::format("{}experts.{}.", p, e)));
  m.shared = ReadExpert(r, p + "shared_experts.");
  return m;
}

Layer ReadLayer(Reader& r, const std::string& p, std::size_t ratio, std::size_t experts,
                bool hash) {
  Layer l;
  l.hc_attn = ReadHyper(r, p + "hc_attn");
  l.hc_ffn = ReadHyper(r, p + "hc_ffn");
  l.attn_norm = r.Vec(p + "attn_norm.weight");
  l.ffn_norm = r.Vec(p + "ffn_norm.weight");
  l.attn = ReadAttention(r, p + "attn.", ratio);
  l.ffn = ReadMoe(r, p + "ffn.", experts, hash);
  return l;
}

Mtp ReadMtp(Reader& r, const Config& c) {
  Mtp m;
  m.layer = ReadLayer(r, "mtp.0.", c.ratios[c.layers], c.experts, false);
  m.e_proj = r.Mat("mtp.0.e_proj.weight");
  m.h_proj = r.Mat("mtp.0.h_proj.weight");
  m.enorm = r.Vec("mtp.0.enorm.weight");
  m.hnorm = r.Vec("mtp.0.hnorm.weight");
  m.norm = r.Vec("mtp.0.norm.weight");
  m.hc_head = ReadHyper(r, "mtp.0.hc_head");
  return m;
}

}  // namespace

Result<Loaded> LoadWeights(const std::string& directory) {
  HADAL_TRY(const io::Checkpoint checkpoint, io::Checkpoint::Open(directory));
  Reader r(checkpoint);
  Loaded out{ReadConfig(r, checkpoint.config()), {}};
  const Config& c = out.config;
  if (c.ratios.size() < c.layers + c.mtp_blocks)
    return Fail(Code::kInvalid, "config.json: compress_ratios has {} entries for {} layers",
                c.ratios.size(), c.layers);
  Weights& w = out.weights;
  w.embed = r.Mat("embed.weight");
  w.head = r.Mat("head.weight");
  w.norm = r.Vec("norm.weight");
  w.hc_head = ReadHyper(r, "hc_head");
  for (std::size_t l = 0; l < c.layers; ++l)
    w.layers.push_back(
        ReadLayer(r, fmt::format("layers.{}.", l), c.ratios[l], c.experts, l < c.hash_layers));
  if (c.mtp_blocks > 0) w.mtp = ReadMtp(r, c);
  if (r.error()) return *r.error();
  return out;
}

}  // namespace hadal::reference
