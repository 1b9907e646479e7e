// Which of the engine's products (kernels/products.h) a kind of work is: the bridge from what a
// model costs to what computes it.
#pragma once
#include <optional>

#include "cost/cost_model.h"
#include "kernels/products.h"

namespace hadal::cost {

// None: no product (looked up, element-wise), or one that the engine does not have (V3.2's FP8
// index scores, V3's absorbed matrices).
std::optional<kernels::Product> EngineProduct(Work work);

}  // namespace hadal::cost
