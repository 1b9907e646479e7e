// What every sub-layer of a forward pass needs besides its weights, its input and scratch: the
// numerics and the threads, and, where rows belong to sequences, the batch with its angles. A Pass
// is a value made for one batch, or for a part of one; what it refers to outlives it. Sub-layers
// keep nothing.
#pragma once
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "arch/config.h"
#include "arch/kv_layout.h"
#include "arch/numerics.h"
#include "base/threads.h"
#include "kernels/index_scores.h"
#include "model/batch.h"
#include "model/observer.h"
#include "model/rope.h"
#include "tensor/arena.h"

namespace hadal::model {

class ExpertRunner;

// What holds for all batches of a Forward.
struct Context {
  const arch::Config& config;
  const arch::Numerics& numerics;
  const arch::KvLayout& layout;
  const RopeTables& tables;
  Threads& threads;
  std::span<kernels::TopK> best;    // SelectRowsTogether a thread
  ExpertRunner* experts = nullptr;  // never null in a pass
  Observer* observer = nullptr;
  std::size_t first_layer = 0;                  // which of the model's layers the first one here is
  const std::function<bool()>* stop = nullptr;  // of a pass: for who waits in it; null: it goes on
};

struct Pass : Context {
  Pass(const Context& context, const Batch& batch_rows, const RowAngles& row_angles)
      : Context(context), batch(batch_rows), angles(row_angles) {}

  const Batch& batch;
  RowAngles angles;  // of the batch's rows

  std::size_t rows() const { return batch.rows(); }
  // The same for a part of the batch, which batch.Rows gave.
  Pass Part(const Batch& part) const {
    return {*this, part, angles.Rows(part.first_row - batch.first_row, part.rows())};
  }
};

}  // namespace hadal::model
