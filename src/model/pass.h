// What every sub-layer of a forward pass needs besides its weights and its input: the batch, the
// numerics and the scratch memory. One Pass lives for one Forward; sub-layers keep nothing.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/threads.h"
#include "kernels/index_scores.h"
#include "model/batch.h"
#include "model/config.h"
#include "model/forward.h"
#include "model/kv_layout.h"
#include "model/numerics.h"
#include "tensor/buffer.h"

namespace hadal::model {

// One thread's scratch.
struct WorkerScratch {
  WorkerScratch(const Config& config, std::size_t pool_rows);
  std::size_t bytes() const;          // of the buffers
  Buffer<float> tile;                 // [attention tile, head_dim]: decoded entries
  Buffer<float> head_max, head_sum;   // [heads]
  Buffer<float> weighted;             // [heads, head_dim]
  Buffer<float> pool_kv, pool_score;  // [candidates, width]
  Buffer<float> entry;                // [head_dim or index_head_dim]
  Buffer<float> cos, sin;             // [rope_dim / 2]
  Buffer<float> scores;               // [attention tile]
  kernels::TopK topk;
};

// Scratch for max_tokens batch rows, shared by all layers.
struct Workspace {
  Workspace(const Config& config, const KvLayout& layout, std::size_t max_tokens,
            std::size_t threads);
  std::size_t bytes() const { return bytes_; }
  // bytes() of such a Workspace, without allocating it.
  static std::size_t BytesFor(const Config& config, const KvLayout& layout, std::size_t max_tokens,
                              std::size_t threads);

  Buffer<float> streams, mtp_streams;    // [tokens, streams * dim]
  Buffer<float> mixes;                   // [tokens, 24]
  Buffer<float> hc_weights;              // [tokens, 24]: pre, post, comb
  Buffer<float> x, sub_out;              // [tokens, dim]: a sub-layer's input and output
  Buffer<float> quantized;               // [tokens, widest input]: inputs as FP8 sees them
  Buffer<std::byte> integers;            // rows of inputs as integers
  std::size_t integers_used = 0;         // bytes
  Buffer<float> cos, sin;                // [tokens, rope_dim / 2] of the layer's table
  Buffer<float> q_latent, q, attn_out;   // [tokens, q_lora], [tokens, heads * head_dim] twice
  Buffer<float> kv;                      // [tokens, head_dim]
  Buffer<std::byte> entries;             // [tokens, entry_bytes]: the new window entries
  Buffer<float> pool_kv, pool_score;     // [tokens, 2 head_dim]
  Buffer<float> index_kv, index_score;   // [tokens, 2 index_head_dim]
  Buffer<float> index_q, index_w;        // [tokens, index heads * dim], [tokens, index heads]
  Buffer<std::byte> packed_index_q;      // [tokens, index heads, packed query]
  Buffer<std::uint32_t> selected;        // [tokens, topk]
  Buffer<std::uint32_t> selected_count;  // [tokens]
  Buffer<float> o_latent;                // [tokens, groups * o_lora]
  Buffer<float> router_logits;           // [tokens, experts]
  Buffer<std::uint32_t> expert_ids;      // [tokens, k]
  Buffer<float> expert_weights;          // [tokens, k]
  Buffer<std::uint32_t> expert_slot;     // [tokens, k]: row of the grouped buffers
  Buffer<std::uint32_t> slot_row;        // [tokens * k]: the batch row of a grouped row
  Buffer<float> grouped_x, grouped_out;  // [tokens * k, dim]
  Buffer<float> gate, up;                // [tokens * (k + 1), inter]: routed, then shared
  std::vector<WorkerScratch> workers;

 private:
  Workspace() = default;
  void TakeAll(const Config& config, const KvLayout& layout, std::size_t max_tokens,
               std::size_t threads);
  template <class T>
  void Take(Buffer<T>* buffer, std::size_t count);
  bool measure_only_ = false;
  std::size_t bytes_ = 0;
};

struct Pass {
  const Config& config;
  const Numerics& numerics;
  const KvLayout& layout;
  Threads& threads;
  Workspace& work;
  Batch batch;
  Observer* observer = nullptr;

  std::size_t rows() const { return batch.rows(); }
  View2<float> Rows(const Buffer<float>& buffer, std::size_t cols) const {
    return buffer.As(rows(), cols);
  }
};

// f(worker, item) for every item in [0, items): contiguous blocks, a worker's scratch is its own.
template <class F>
void ForEach(Pass& pass, std::size_t items, F&& f) {
  const std::size_t workers = std::min(items, pass.threads.count());
  pass.threads.Run(workers, [&](std::size_t w) {
    for (std::size_t i = items * w / workers; i < items * (w + 1) / workers; ++i)
      f(pass.work.workers[w], i);
  });
}

}  // namespace hadal::model
