// One layer: attention, then experts, each inside hyper-connections.
#pragma once
#include "model/pass.h"
#include "model/weights.h"

namespace hadal::model {

// streams [rows, 4 dim], in place. `layer` numbers the state: the MTP block is num_hidden_layers.
Status RunBlock(const Pass& pass, std::size_t layer, const Layer& weights, View2<float> streams,
                Arena& arena);
std::size_t BlockBytes(const arch::Config& config, const arch::KvLayout& layout, std::size_t rows,
                       std::size_t threads);

}  // namespace hadal::model
