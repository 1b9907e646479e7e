// The clamped SwiGLU of an expert.
//
//   h[i] = silu(min(gate[i], limit)) * clamp(up[i], -limit, limit) * weight
//   silu(x) = x / (1 + e^-x)
//
//   gate, up  [inter]  f32  read
//   weight             f32  the routing weight; 1 for the shared expert
//   h         [inter]  f32  every element written; may be gate or up
//
// Numbers  f32, element by element: nothing is summed; the same bits from every vector instruction
//          set.
// Error    4e-7 relative to |ref|.
// Caller   sizes agree: HADAL_CHECK.
// Source   DeepSeek-V4 inference/model.py, Expert.forward.
#pragma once
#include <span>

#include "base/threads.h"
#include "tensor/view.h"

namespace hadal::kernels {

void SwiGlu(std::span<const float> gate, std::span<const float> up, float limit, float weight,
            std::span<float> h);
// Row by row: gate, up, h [rows, inter]; weights [rows], or empty: 1.
void SwiGlu(View2<const float> gate, View2<const float> up, float limit,
            std::span<const float> weights, View2<float> h, Threads& threads);
namespace ref {  // f64, rounded once
void SwiGlu(std::span<const float> gate, std::span<const float> up, float limit, float weight,
            std::span<float> h);
}

}  // namespace hadal::kernels
