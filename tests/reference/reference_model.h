// The whole DeepSeek-V4 model as the equations say it, in float64, over all positions of one
// sequence at once: no caches, no chunks, no decoding. The measure of the engine, and independent
// of it: it shares only the scalar codecs and the file reader with it.
//
// Source: DeepSeek-V4 report, section 2; inference/model.py. Checked against the golden data by
// reference_test.cc.
#pragma once
#include <cstdint>
#include <span>

#include "reference/attention.h"
#include "reference/hyper_connection.h"
#include "reference/moe.h"

namespace hadal::reference {

struct LayerTrace {
  std::vector<Route> routes;          // one a token
  std::vector<Selection> selections;  // CSA layers: one a token
};

struct Outputs {
  Rows logits;                // [tokens, vocab]
  std::vector<Rows> streams;  // [layers + 1][tokens][4 dim]: before layer l; after the last
  std::vector<LayerTrace> layers;
  Rows mtp_logits;  // [tokens - 1, vocab]; position i: the token after token i + 1
  LayerTrace mtp;   // of the MTP block
};

struct Model {
  Config config;
  Weights weights;
  Rules rules = {};

  // with_mtp: mtp_logits too, if there is an MTP block.
  Outputs Run(std::span<const std::int32_t> tokens, const Rounding& round, bool with_mtp) const;
  // One layer on its own: streams [tokens][4 dim] in place.
  LayerTrace RunLayer(const Layer& layer, std::size_t ratio, std::span<const std::int32_t> tokens,
                      const Rounding& round, Rows* streams) const;
};

Result<Model> LoadModel(const std::string& directory);

}  // namespace hadal::reference
