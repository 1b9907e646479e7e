// One layer: attention, then experts, each inside hyper-connections.
#pragma once
#include "model/pass.h"
#include "model/rope.h"
#include "model/weights.h"

namespace hadal::model {

// streams [rows, 4 dim], in place. `layer` numbers the state: the MTP block is num_hidden_layers.
void RunBlock(Pass& pass, std::size_t layer, const Layer& weights, const RopeTables& tables,
              View2<float> streams);

}  // namespace hadal::model
