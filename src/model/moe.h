// The mixture of experts of one layer.
//
//   s = sqrt(softplus(gate x)); chosen by s + bias, or by the token's id (hash-routed layers)
//   y = sum_e w2_e(silu(min(w1_e x, limit)) * clamp(w3_e x, +-limit) * weight_e) + shared(x)
//
// V3.2's weights multiply the experts' outputs, and there is no limit. Tokens of one expert are
// multiplied together; a token's sum begins with the shared expert and goes on with its own in
// ascending order.
// Source: report, "DeepSeekMoE"; DeepSeek-V4 and V3.2-Exp inference/model.py, MoE, Gate, Expert.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "model/pass.h"
#include "model/weights.h"

namespace hadal::model {

// Experts go over a batch in parts of at most so many choices (a choice: a token and one of its
// experts), at least one token's, so that their intermediate rows take bounded memory.
inline constexpr std::size_t kExpertSlots = 1024;

struct Routes {
  View2<const std::uint32_t> experts;  // [rows, k], ascending
  View2<const float> weights;          // [rows, k]
};
// The router alone, of x [rows, dim]; the batch's tokens are the rows'.
Routes ChooseExperts(const Pass& pass, std::size_t layer, const Moe& moe, View2<const float> x,
                     Arena::Scope& scope);

// x [rows, dim] -> [rows, dim]. The routed experts run where pass.experts says; its error is
// returned.
Result<View2<const float>> MixExperts(const Pass& pass, std::size_t layer, const Moe& moe,
                                      View2<const float> x, Arena::Scope& scope);
std::size_t MixExpertsBytes(const arch::Config& config, std::size_t rows);

// The experts that these tokens go to in a hash-routed layer, ascending, each once; in others, and
// without tokens, none. Known before anything is computed.
std::vector<std::uint32_t> ExpertsByToken(const arch::Config& config, const Moe& moe,
                                          std::span<const std::int32_t> tokens);

// One gated unit over all rows: the shared expert, or a dense layer's. x, y [rows, dim].
void RunGated(const Context& context, const Expert& unit, View2<const float> x, View2<float> y,
              Arena& arena);
std::size_t GatedBytes(std::size_t rows, std::size_t dim, std::size_t inner);

}  // namespace hadal::model
