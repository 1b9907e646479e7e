// What a forward pass asks of an architecture, as a table of functions. What lies between them is
// the same for all: batches, streams, angles, scratch, logits, which tokens the MTP block sees
// (model/forward.cc). An architecture is a file with such a table, and the sub-layers that it
// names.
#pragma once
#include "model/pass.h"
#include "model/weights.h"

namespace hadal::model {

struct Architecture {
  // One layer: streams [rows, stream_dim], in place. `layer` numbers the state: the MTP block is
  // num_hidden_layers.
  Status (*run_layer)(const Pass& pass, std::size_t layer, const Layer& weights,
                      View2<float> streams, Arena& arena);
  std::size_t (*layer_bytes)(const arch::Config& config, const arch::KvLayout& layout,
                             std::size_t rows, std::size_t threads);

  // What the layer's router would choose experts by [rows, dim], if its own attention changed
  // nothing: for guesses. Takes less than layer_bytes without the router's part.
  View2<const float> (*router_input)(const Context& context, const Layer& weights,
                                     View2<const float> streams, Arena::Scope& scope);

  // What the head multiplies [rows, dim], of the streams behind the last layer.
  View2<const float> (*head_input)(const Context& context, const HeadWeights& head,
                                   View2<const float> streams, Arena::Scope& scope);
  std::size_t (*head_input_bytes)(const arch::Config& config, std::size_t rows);

  // The MTP block's streams z [rows, stream_dim], of the layers' x and the embedding e [rows, dim]
  // of the next tokens, which is changed.
  void (*mtp_input)(const Context& context, const Mtp& mtp, View2<const float> x, View2<float> e,
                    View2<float> z, Arena& arena);
  std::size_t (*mtp_input_bytes)(const arch::Config& config, std::size_t rows);  // beside e
};

const Architecture& ArchitectureOf(const arch::Config& config);

}  // namespace hadal::model
