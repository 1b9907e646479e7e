// The whole DeepSeek-V3.2 model as the equations say it, in float64, over all positions of one
// sequence at once: no cache, no chunks, and attention in its multi-head form, where the engine's
// is absorbed. The measure of the engine, and independent of it: it shares only the scalar codecs
// and the file reader with it.
//
// Source: DeepSeek-V2 report, section 2.1; V3 report, section 2; DeepSeek-V3.2-Exp
// inference/model.py. Checked against the golden data by tests/v32_reference_test.cc.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "reference/compressor.h"
#include "reference/moe.h"
#include "reference/numbers.h"

namespace hadal::reference::v32 {

struct Config {
  std::size_t vocab = 0, dim = 0, layers = 0, heads = 0, rank = 0, nope = 0, rope = 0, value = 0;
  std::size_t index_heads = 0, index_dim = 0, index_topk = 0;
  std::size_t dense_layers = 0, experts = 0, topk = 0, groups = 0, kept_groups = 0, mtp_blocks = 0;
  double routed_scaling = 1, norm_eps = 0, rope_theta = 0;
  double yarn_factor = 1, yarn_beta_fast = 32, yarn_beta_slow = 1, yarn_original = 0, mscale = 0;
  ScaleRule scales = ScaleRule::kPowerOfTwo;
};

struct Gated {
  Matrix gate, up, down;
};

struct Layer {
  Row input_norm, post_norm;
  Matrix q_a, q_b, kv_a, kv_b, o;
  Row q_norm, kv_norm;
  Matrix index_q, index_k, index_w;
  Row index_gain, index_bias;
  std::optional<Gated> mlp;  // of a dense layer
  Matrix router;
  Row bias;
  std::vector<Gated> experts;
  Gated shared;
};

struct Mtp {
  Layer layer;
  Matrix eh;
  Row enorm, hnorm, norm;
};

struct LayerTrace {
  std::vector<Route> routes;          // one a token; none in a dense layer
  std::vector<Selection> selections;  // one a token
};

struct Outputs {
  Rows logits;                // [tokens, vocab]
  std::vector<Rows> streams;  // [layers + 1][tokens][dim]
  std::vector<LayerTrace> layers;
  Rows mtp_logits;  // [tokens - 1, vocab]
};

struct Model {
  Config config;
  Matrix embed, head;
  Row norm;
  std::vector<Layer> layers;
  std::optional<Mtp> mtp;

  // quantised: the f32q variant, else f32.
  Outputs Run(std::span<const std::int32_t> tokens, bool quantised, bool with_mtp) const;
  LayerTrace RunLayer(const Layer& w, const Rounding& round, Rows* x) const;
  Rounding RoundingOf(bool quantised) const;
};

Result<Model> LoadModel(const std::string& directory);

}  // namespace hadal::reference::v32
