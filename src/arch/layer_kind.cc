#include "arch/layer_kind.h"

namespace hadal::arch {

LayerKind LayerKindOf(const Config& config, std::size_t layer) {
  if (config.architecture == Architecture::kV32)
    return {.ratio = 1, .indexed = true, .dense = layer < config.first_k_dense_replace};
  const std::size_t ratio = config.compress_ratios[layer];
  return {.window = true,
          .ratio = ratio,
          .indexed = ratio == kCsaRatio,
          .hashed = layer < config.num_hash_layers};
}

std::size_t StateLayers(const Config& config) {
  return config.num_hidden_layers + config.num_nextn_predict_layers;
}

}  // namespace hadal::arch
