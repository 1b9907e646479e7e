// How a sub-layer is joined to the residual streams: what a model of this project has, and the two
// it is compared with, which are trained here only: no published format can say them.
#pragma once
#include <cstddef>
#include <string_view>

#include "base/check.h"

namespace hadal::train {

enum class Residual {
  kManifold,       // "mhc": hyper-connections whose residual mapping is doubly stochastic
  kUnconstrained,  // "hc": hyper-connections as first published, tanh(logits) * scale + base
  kPlain,          // "plain": one stream, x + f(x), whose tensors of hyper-connections stay fixed
};

inline Residual ResidualOf(std::string_view name) {
  if (name == "hc") return Residual::kUnconstrained;
  if (name == "plain") return Residual::kPlain;
  HADAL_CHECK(name == "mhc");
  return Residual::kManifold;
}

}  // namespace hadal::train
