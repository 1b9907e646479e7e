// The rotary tables of a model and their use in a pass. Layers without compression turn by rope_theta;
// layers with it by compress_rope_theta and YaRN, everything in them alike.
#pragma once
#include <vector>

#include "kernels/rope.h"
#include "model/pass.h"

namespace hadal::model {

struct RopeTables {
  explicit RopeTables(const arch::Config& config);
  std::span<const float> For(std::size_t ratio) const {
    return ratio == 0 ? window_only : compressed;
  }
  std::vector<float> window_only, compressed;  // frequencies [rope_dim / 2]
};

// Fills work.cos and work.sin with the angles of every row's position.
void PrepareAngles(Pass& pass, std::span<const float> frequencies);
// Turns the last rope_dim channels of one head of batch row `row`, and rounds them.
void RotateHead(Pass& pass, std::size_t row, std::span<float> head, kernels::Turn turn);

}  // namespace hadal::model
