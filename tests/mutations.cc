#include "mutations.h"

#include <cmath>
#include <limits>

namespace hadal::tests {
namespace {

using reference::Layer;
using reference::Model;
using reference::Rules;

// f(layer) for every layer, the MTP block's too.
template <class F>
void ForLayers(Model& m, F&& f) {
  for (Layer& layer : m.weights.layers) f(layer);
  if (m.weights.mtp) f(m.weights.mtp->layer);
}

void ScaleSinks(Model& m, double factor) {
  ForLayers(m, [&](Layer& layer) {
    for (double& sink : layer.attn.sink) sink *= factor;
  });
}

void DropSinks(Model& m) {
  ForLayers(m, [](Layer& layer) {
    for (double& sink : layer.attn.sink) sink = -std::numeric_limits<double>::infinity();
  });
}

void DropApe(Model& m) {
  ForLayers(m, [](Layer& layer) {
    if (layer.attn.compressor) layer.attn.compressor->ape.cols = 0;
    if (layer.attn.indexer) layer.attn.indexer->compressor.ape.cols = 0;
  });
}

void DropBias(Model& m) {
  ForLayers(m, [](Layer& layer) {
    for (double& bias : layer.ffn.bias) bias = 0;
  });
}

void SwapW1W3(Model& m) {
  ForLayers(m, [](Layer& layer) {
    for (auto& e : layer.ffn.experts) std::swap(e.w1, e.w3);
    std::swap(layer.ffn.shared.w1, layer.ffn.shared.w3);
  });
}

// A mistake that is one member of Rules.
template <class T, class V>
std::function<void(Model&)> Rule(T Rules::*member, V value) {
  return [=](Model& m) { m.rules.*member = value; };
}

using Position = Rules::EntryPosition;

std::vector<Mutation> AttentionMistakes() {
  return {
      {"no inverse RoPE on output", 9.0e-1, true, false, Rule(&Rules::rotate_output_back, false)},
      {"half-split RoPE pairs", 9.1e-1, true, false, Rule(&Rules::interleaved_pairs, false)},
      {"RoPE on first channels", 9.6e-1, true, false, Rule(&Rules::rotate_last_channels, false)},
      {"no YaRN in compressed layers", 3.5e-1, true, false, Rule(&Rules::yarn, false)},
      {"YaRN ramp inverted", 4.3e-1, true, false, Rule(&Rules::yarn_ramp_inverted, true)},
      {"compressed layers use rope_theta", 2.7e-1, true, false,
       [](Model& m) { m.config.compress_rope_theta = m.config.rope_theta; }},
      {"ratio-0 layers use compressed table", 7.3e-1, true, false,
       Rule(&Rules::one_rope_table, true)},
      {"q heads not normalised", 1.5e-1, true, false, Rule(&Rules::normalise_query_heads, false)},
      {"window one too large", 4.6e-1, true, false, [](Model& m) { ++m.config.window; }},
      {"window one too small", 4.8e-1, true, false, [](Model& m) { --m.config.window; }},
      {"no sink", 1.0e-1, true, false, DropSinks},
      {"sink scaled by hd^-.5", 6.5e-2, true, false,
       [](Model& m) { ScaleSinks(m, 1 / std::sqrt(static_cast<double>(m.config.head_dim))); }},
      {"wo_a groups interleaved", 1.1, true, false, Rule(&Rules::interleave_output_groups, true)},
  };
}

std::vector<Mutation> CompressionMistakes() {
  return {
      {"indexer q RMS-normalised", 1.1e-2, true, false,
       Rule(&Rules::normalise_indexer_queries, true)},
      {"indexer q without RoPE", 1.5e-1, true, false, Rule(&Rules::rotate_indexer_queries, false)},
      {"indexer without relu", 1.3e-1, true, false, Rule(&Rules::indexer_relu, false)},
      {"indexer ignored", 4.6e-1, true, false, Rule(&Rules::indexer_selects, false)},
      {"indexer top-k minus one", 6.6e-2, true, false, [](Model& m) { --m.config.index_topk; }},
      {"no Hadamard", 1.7e-6, false, false, Rule(&Rules::hadamard, false)},
      {"overlap halves swapped", 2.6e-1, true, false, Rule(&Rules::swap_overlap_halves, true)},
      {"no overlap", 2.7e-1, true, false, Rule(&Rules::overlap, false)},
      {"block 0 padded with score 0", 1.4e-2, true, false,
       Rule(&Rules::pad_first_block_with_zero, true)},
      {"ape omitted", 1.7e-1, true, false, DropApe},
      {"compressed RoPE at block end", 1.5e-1, true, false,
       Rule(&Rules::entry_position, Position::kLast)},
      {"compressed RoPE at block index", 1.7e-1, true, false,
       Rule(&Rules::entry_position, Position::kBlockIndex)},
      {"compressed visible one token late", 1.3e-2, true, false,
       Rule(&Rules::csa_delay, std::size_t{1})},
      {"ratio-128 visible one token late", 1.6e-4, true, false,
       Rule(&Rules::hca_delay, std::size_t{1})},
  };
}

std::vector<Mutation> OtherMistakes() {
  return {
      {"hc comb transposed", 5.3e-2, true, false, Rule(&Rules::transpose_comb, true)},
      {"hc one iteration less", 2.8e-6, false, false, [](Model& m) { --m.config.hc_iterations; }},
      {"hc post without factor 2", 7.5e-1, true, false, Rule(&Rules::post_factor, 1.0)},
      {"hc without rms", 3.1e-1, true, false, Rule(&Rules::hc_rms, false)},
      {"no hc_eps on pre", 1.7e-6, false, false, Rule(&Rules::eps_on_pre, false)},
      {"output reduction without hc_eps", 1.7e-6, false, false, Rule(&Rules::eps_on_head, false)},
      {"gate bias in weights", 5.7e-2, true, false, Rule(&Rules::bias_in_weights, true)},
      {"gate bias ignored", 2.9e-1, true, false, DropBias},
      {"weights not scaled", 4.0e-1, true, false, [](Model& m) { m.config.routed_scaling = 1; }},
      {"weights not normalised", 9.0e-1, true, false, Rule(&Rules::normalise_weights, false)},
      {"gate sigmoid instead", 3.0e-1, true, false, Rule(&Rules::gate_sigmoid, true)},
      {"hash layer uses scores", 8.7e-1, true, false, Rule(&Rules::hash_layers_use_scores, true)},
      {"no swiglu clamp", 8.3e-1, true, false, [](Model& m) { m.config.swiglu_limit = 1e30; }},
      {"gate clamped on both sides", 7.6e-2, true, false, Rule(&Rules::clamp_gate_below, true)},
      {"w1/w3 swapped", 9.7e-1, true, false, SwapW1W3},
      {"shared expert without clamp", 7.0e-1, true, false,
       Rule(&Rules::clamp_shared_expert, false)},
      {"MTP e_proj omitted", 9.6e-1, true, true, Rule(&Rules::mtp_uses_embedding, false)},
      {"MTP token not shifted", 1.1, true, true, Rule(&Rules::mtp_embeds_next_token, false)},
  };
}

}  // namespace

std::vector<Mutation> TypicalMistakes() {
  std::vector<Mutation> all;
  for (auto&& part : {AttentionMistakes(), CompressionMistakes(), OtherMistakes()})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace hadal::tests
