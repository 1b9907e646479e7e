#include "model/rope.h"

namespace hadal::model {
namespace {

kernels::Angles AnglesBy(std::span<const float> frequencies, const Batch& batch, Threads& threads,
                         Arena::Scope& scope) {
  const View2<float> cos = scope.Take<float>(batch.rows(), frequencies.size());
  const View2<float> sin = scope.Take<float>(batch.rows(), frequencies.size());
  kernels::RopeAngles(batch.positions, frequencies, cos, sin, threads);
  return {cos, sin};
}

}  // namespace

RopeTables::RopeTables(const arch::Config& c)
    : window_only(kernels::RopeFrequencies(c.qk_rope_head_dim, c.rope_theta)),
      compressed(kernels::YarnFrequencies(c.qk_rope_head_dim, c.compress_rope_theta,
                                          c.rope_scaling.factor, c.rope_scaling.beta_fast,
                                          c.rope_scaling.beta_slow,
                                          c.rope_scaling.original_max_position_embeddings)) {}

RowAngles AnglesOf(const RopeTables& tables, const Batch& batch, Threads& threads,
                   Arena::Scope& scope) {
  return {AnglesBy(tables.window_only, batch, threads, scope),
          AnglesBy(tables.compressed, batch, threads, scope)};
}

std::size_t AnglesBytes(const arch::Config& config, std::size_t rows) {
  return 4 * Arena::BytesOf<float>(rows, config.qk_rope_head_dim / 2);
}

}  // namespace hadal::model
