// What every sub-layer of a forward pass needs besides its weights and its input: the batch, the
// numerics and the scratch memory. One Pass lives for one Forward; sub-layers keep nothing.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "arch/config.h"
#include "arch/kv_layout.h"
#include "arch/numerics.h"
#include "base/threads.h"
#include "kernels/index_scores.h"
#include "model/batch.h"
#include "model/forward.h"
#include "tensor/buffer.h"

namespace hadal::model {

// One thread's scratch.
struct WorkerScratch {
  WorkerScratch(const arch::Config& config, std::size_t pool_rows);
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

// Attention goes over a batch in parts of at most so many rows, experts in parts of so many choices, so
// that the wide intermediate rows (queries: heads * head_dim) take bounded memory. By the contract that
// chunks change nothing, neither does this.
inline constexpr std::size_t kAttentionRows = 256, kExpertSlots = 1024;

// Scratch for max_tokens batch rows, shared by all layers. "part": rows of a part of attention; "slots":
// choices of experts in a part, at least one token's.
struct Workspace {
  Workspace(const arch::Config& config, const arch::KvLayout& layout, std::size_t max_tokens,
            std::size_t threads);
  std::size_t bytes() const { return bytes_; }
  // bytes() of such a Workspace, without allocating it.
  static std::size_t BytesFor(const arch::Config& config, const arch::KvLayout& layout,
                              std::size_t max_tokens, std::size_t threads);

  Buffer<float> streams, mtp_streams;  // [tokens, streams * dim]
  Buffer<float> mixes;                 // [tokens, 24]
  Buffer<float> hc_weights;            // [tokens, 24]: pre, post, comb
  Buffer<float> x, sub_out;            // [tokens, dim]: a sub-layer's input and output
  Buffer<float> inputs;                // inputs of linear layers rounded to FP8, or as integers
  std::size_t integers_used = 0;       // bytes of it
  std::size_t slots = 0;
  Buffer<float> cos, sin;                // [part, rope_dim / 2] of the layer's table
  Buffer<float> q_latent, q;             // [part, q_lora], [part, heads * head_dim]: then outputs
  Buffer<float> kv;                      // [part, head_dim]
  Buffer<std::byte> entries;             // [part, entry_bytes]: the new window entries
  Buffer<float> pool_kv, pool_score;     // [part, 2 head_dim]
  Buffer<float> index_kv, index_score;   // [part, 2 index_head_dim]
  Buffer<float> index_q, index_w;        // [part, index heads * dim], [part, index heads]
  Buffer<std::byte> packed_index_q;      // [part, packed query]
  Buffer<std::uint32_t> selected;        // [part, topk]
  Buffer<std::uint32_t> selected_count;  // [part]
  Buffer<float> o_latent;                // [part, groups * o_lora]
  Buffer<float> router_logits;           // [tokens, experts]
  Buffer<std::uint32_t> expert_ids;      // [tokens, k]
  Buffer<float> expert_weights;          // [tokens, k]
  Buffer<std::uint32_t> expert_slot;     // [tokens, k]: place in the order by experts
  Buffer<std::uint32_t> slot_row;        // [tokens * k]: the batch row of a slot
  Buffer<float> slot_weight;             // [tokens * k]
  Buffer<float> grouped_x, grouped_out;  // [slots, dim]
  Buffer<float> gate, up;                // [tokens or slots, inter]
  std::vector<WorkerScratch> workers;

 private:
  Workspace() = default;
  void TakeAll(const arch::Config& config, const arch::KvLayout& layout, std::size_t max_tokens,
               std::size_t threads);
  template <class T>
  void Take(Buffer<T>* buffer, std::size_t count);
  bool measure_only_ = false;
  std::size_t bytes_ = 0;
};

struct Pass {
  const arch::Config& config;
  const arch::Numerics& numerics;
  const arch::KvLayout& layout;
  Threads& threads;
  Workspace& work;
  Batch batch;
  std::size_t first_row = 0;  // of the whole batch; not 0 in a later part
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
