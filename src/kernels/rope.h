// Rotary position embedding, interleaved pairs: channels (2i, 2i+1) are turned by position * f_i.
//
//   (x[2i], x[2i+1])  <-  (x[2i] c - x[2i+1] s,  x[2i] s + x[2i+1] c)      c, s = cos, sin(angle_i)
//
// Inverse turns back (s negated). Angles are float32 as in the official code: float32(position) *
// f_i rounded to float32, then cosine and sine of that rounded angle.
//
// Numbers  frequencies and angles round where the official code rounds: they are their own
//          definition. Rotate multiplies and adds in f32, not fused; it has no vector form, one set
//          of bits.
// Error    of Rotate 3 * 2^-24 * (|x[2i]| + |x[2i+1]|).
// Caller   sizes agree, dim even: HADAL_CHECK. cos and sin must not overlap x.
// Source   DeepSeek-V4 inference/model.py: precompute_freqs_cis, apply_rotary_emb; YaRN
//          arXiv:2309.00071.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/threads.h"
#include "tensor/view.h"

namespace hadal::kernels {

// f_i = theta^(-2i/dim), i < dim/2, all in float32.
std::vector<float> RopeFrequencies(std::size_t dim, double theta);
// The same, interpolated by YaRN: slow frequencies divided by factor, a linear ramp between.
std::vector<float> YarnFrequencies(std::size_t dim, double theta, double factor, double beta_fast,
                                   double beta_slow, std::size_t original_positions);

// cos, sin [frequencies]: every element written.
void RopeAngles(std::uint64_t position, std::span<const float> frequencies, std::span<float> cos,
                std::span<float> sin);

// The cosines and sines of rows: [rows, frequencies] each.
struct Angles {
  View2<const float> cos, sin;
  Angles Rows(std::size_t begin, std::size_t count) const {
    return {cos.Rows(begin, count), sin.Rows(begin, count)};
  }
};
// One row a position.
void RopeAngles(std::span<const std::uint64_t> positions, std::span<const float> frequencies,
                View2<float> cos, View2<float> sin, Threads& threads);

enum class Turn { kForward, kInverse };
// x [2 * cos.size()], in place.
void Rotate(std::span<float> x, std::span<const float> cos, std::span<const float> sin, Turn turn);
// x [rows, heads * head_dim]: the last 2 * frequencies channels of every head, by its row's angles.
void Rotate(View2<float> x, std::size_t head_dim, const Angles& angles, Turn turn,
            Threads& threads);

// The first 2 * frequencies channels of every head, in pairs of halves: channels (i, i +
// frequencies) are turned. Source: DeepSeek-V3.2-Exp inference/model.py, Indexer (corrected
// version).
void RotateHalves(View2<float> x, std::size_t head_dim, const Angles& angles, Threads& threads);

namespace ref {  // f64, rounded once
void Rotate(std::span<float> x, std::span<const float> cos, std::span<const float> sin, Turn turn);
}

}  // namespace hadal::kernels
