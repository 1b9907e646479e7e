// The rotary tables of a model, and the angles of a batch's rows. V4's layers without compression
// turn by rope_theta; layers with it by compress_rope_theta and YaRN, everything in them alike.
// V3.2 has one table, with YaRN if the config scales.
#pragma once
#include <vector>

#include "arch/config.h"
#include "base/threads.h"
#include "kernels/rope.h"
#include "model/batch.h"
#include "tensor/arena.h"

namespace hadal::model {

struct RopeTables {
  explicit RopeTables(const arch::Config& config);
  std::span<const float> For(std::size_t ratio) const { return ratio > 1 ? compressed : base; }
  std::vector<float> base, compressed;  // frequencies [rope_dim / 2]; V3.2: none compressed
};

// The angles of rows' positions by both tables, for all layers of a pass.
struct RowAngles {
  const kernels::Angles& For(std::size_t ratio) const { return ratio > 1 ? compressed : base; }
  RowAngles Rows(std::size_t begin, std::size_t count) const {
    return {base.Rows(begin, count), compressed.Rows(begin, count)};
  }
  kernels::Angles base, compressed;
};

RowAngles AnglesOf(const RopeTables& tables, const Batch& batch, Threads& threads,
                   Arena::Scope& scope);
std::size_t AnglesBytes(const arch::Config& config, std::size_t rows);

}  // namespace hadal::model
