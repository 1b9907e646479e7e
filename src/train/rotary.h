// RoPE in interleaved pairs: channels (2i, 2i+1) of the last rope_dim channels are a complex
// number, multiplied by exp(j * position * f_i); the inverse rotation uses the conjugate.
//
//   window-only layers  f_i = rope_theta^(-2i / rope_dim)
//   compressed layers   base compress_rope_theta, and YaRN at every position: the frequencies that
//                       turn less than beta_slow times in the original context are divided by
//                       `factor`, those above beta_fast turns kept, with a linear ramp between
//
// Source: DeepSeek-V4 inference/model.py, precompute_freqs_cis and apply_rotary_emb.
#pragma once
#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "arch/config.h"

namespace hadal::train {

struct RotaryTable {
  torch::Tensor cos, sin;  // [positions, rope_dim / 2], the model's float type
};

std::vector<double> RotaryFrequencies(const arch::Config& config, bool compressed);
// Like the tensors of `options` in type and place.
RotaryTable MakeRotaryTable(const std::vector<double>& frequencies, std::int64_t positions,
                            const torch::TensorOptions& options);

// x [..., heads, channels]; positions int64, one for each of the leading axes' rows (their
// product). A tensor without heads passes [..., 1, channels]. Returns the rotated copy.
torch::Tensor Rotate(const torch::Tensor& x, const torch::Tensor& positions,
                     const RotaryTable& table, bool inverse = false);

namespace plain {  // train/plain.h
torch::Tensor Rotate(const torch::Tensor& x, const torch::Tensor& positions,
                     const RotaryTable& table, bool inverse = false);
}

}  // namespace hadal::train
