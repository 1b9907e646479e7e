#include "model/rope.h"

#include "model/linear.h"

namespace hadal::model {

RopeTables::RopeTables(const arch::Config& c)
    : window_only(kernels::RopeFrequencies(c.qk_rope_head_dim, c.rope_theta)),
      compressed(kernels::YarnFrequencies(c.qk_rope_head_dim, c.compress_rope_theta,
                                          c.rope_scaling.factor, c.rope_scaling.beta_fast,
                                          c.rope_scaling.beta_slow,
                                          c.rope_scaling.original_max_position_embeddings)) {}

void PrepareAngles(Pass& pass, std::span<const float> frequencies) {
  const View2<float> cos = pass.Rows(pass.work.cos, frequencies.size());
  const View2<float> sin = pass.Rows(pass.work.sin, frequencies.size());
  ForEach(pass, pass.rows(), [&](WorkerScratch&, std::size_t t) {
    kernels::RopeAngles(pass.batch.positions[t], frequencies, cos[t], sin[t]);
  });
}

void RotateHead(Pass& pass, std::size_t row, std::span<float> head, kernels::Turn turn) {
  const std::size_t pairs = pass.config.qk_rope_head_dim / 2;
  const std::span<float> rotary = head.last(2 * pairs);
  kernels::Rotate(rotary, pass.Rows(pass.work.cos, pairs)[row],
                  pass.Rows(pass.work.sin, pairs)[row], turn);
  RoundActs(pass.numerics, rotary);
}

}  // namespace hadal::model
