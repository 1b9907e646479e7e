// Which of the engine's products (kernels/products.h) a kind of work is: the bridge from what a
// model costs to what computes it.
#pragma once
#include <cstddef>
#include <optional>
#include <string_view>

#include "cost/cost_model.h"
#include "kernels/products.h"

namespace hadal::cost {

// None: no product (looked up, element-wise), or one that the engine does not have (V3.2's FP8
// index scores, V3's absorbed matrices).
std::optional<kernels::Product> EngineProduct(Work work);

// A matrix's rate with as many rows as an expert has of a prompt's chunk, a few hundred, is told
// beside that with one row (`hadal plan rates`), in operations a second.
inline constexpr std::size_t kManyRows = 256;
std::string_view ManyRowsKey(kernels::Product matrix);  // "fp8_matrix_many_rows"

}  // namespace hadal::cost
