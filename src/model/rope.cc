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

std::vector<float> Yarn(const arch::Config& c, double theta) {
  const arch::YarnScaling& yarn = c.rope_scaling;
  return kernels::YarnFrequencies(c.qk_rope_head_dim, theta, yarn.factor, yarn.beta_fast,
                                  yarn.beta_slow, yarn.original_max_position_embeddings);
}

}  // namespace

RopeTables::RopeTables(const arch::Config& c) {
  const bool v32 = c.architecture == arch::Architecture::kV32;
  const bool plain = !v32 || c.rope_scaling.factor == 1;
  base = plain ? kernels::RopeFrequencies(c.qk_rope_head_dim, c.rope_theta) : Yarn(c, c.rope_theta);
  if (!v32) compressed = Yarn(c, c.compress_rope_theta);
}

RowAngles AnglesOf(const RopeTables& tables, const Batch& batch, Threads& threads,
                   Arena::Scope& scope) {
  return {AnglesBy(tables.base, batch, threads, scope),
          AnglesBy(tables.compressed, batch, threads, scope)};
}

std::size_t AnglesBytes(const arch::Config& config, std::size_t rows) {
  const std::size_t tables = config.architecture == arch::Architecture::kV32 ? 1 : 2;
  return 2 * tables * Arena::BytesOf<float>(rows, config.qk_rope_head_dim / 2);
}

}  // namespace hadal::model
