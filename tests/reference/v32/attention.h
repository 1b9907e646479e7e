// Latent attention and its indexer over all positions of a sequence, for reference/v32/model.cc.
#pragma once
#include "reference/v32/model.h"

namespace hadal::reference::v32 {

// Frequencies in float32 as the official table has them; angles are float32(position) * f rounded
// to float32.
class Rope {
 public:
  explicit Rope(const Config& config);
  // In place: channels (2i, 2i + 1), and (i, i + rope / 2).
  void RotatePairs(double* x, std::size_t position, const Rounding& round) const;
  void RotateHalves(double* x, std::size_t position, const Rounding& round) const;

 private:
  void Turn(double& a, double& b, std::size_t i, std::size_t position, const Rounding& round) const;
  std::vector<float> frequencies_;
};

// x, normalised [tokens, dim] -> the attention's outputs; selections: one a token.
Rows Attend(const Layer& w, const Rows& x, const Config& c, const Rope& rope, const Rounding& round,
            std::vector<Selection>* selections);

}  // namespace hadal::reference::v32
