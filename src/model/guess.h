// Which experts later layers will choose, as far as it can be known early: for reads that begin
// before they are asked for. Guesses order reads, never results.
//
// Layers routed by the token's id are known as soon as the batch is. Of the others, the next
// layer's router is applied to the present streams, which two sub-layers more will change; how
// often that is right, DiskExpertFigures counts. A batch so large that nearly every expert is
// chosen by somebody is not asked: all are guessed.
#pragma once
#include "model/architecture.h"
#include "model/pass.h"
#include "model/weights.h"

namespace hadal::model {

// Before the first layer: what the tokens alone decide.
void GuessByTokens(const Pass& pass, const Model& model);
// Before layer `layer` runs, for the one behind it. Takes no more of the arena than that layer
// does.
void GuessNextLayer(const Pass& pass, const Architecture& architecture, const Model& model,
                    std::size_t layer, View2<const float> streams, Arena& arena);

}  // namespace hadal::model
