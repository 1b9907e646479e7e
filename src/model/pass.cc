#include "model/pass.h"

#include <algorithm>

#include "kernels/attention.h"
#include "kernels/hyper_connection.h"
#include "kernels/packed_index_scores.h"
#include "kernels/quantized_row.h"

namespace hadal::model {
namespace {

// Bytes for the inputs of any linear layer: `n` batch rows in either form, `part` rows of attention's
// and `slots` of the experts' in float32 or in both integer forms.
std::size_t InputBytes(const arch::Config& c, std::size_t n, std::size_t part, std::size_t slots) {
  const auto bytes = [](std::size_t cols) {
    const std::size_t integers =
        kernels::QuantizedRowBytes(kernels::RowFormat::kInt16Block128, cols) +
        kernels::QuantizedRowBytes(kernels::RowFormat::kInt8Block32, cols);
    return std::max(integers, cols * sizeof(float));
  };
  const std::size_t group_dim = c.num_attention_heads / c.o_groups * c.head_dim;
  const std::size_t of_attention =
      std::max({bytes(c.q_lora_rank), bytes(c.o_groups * c.o_lora_rank), bytes(group_dim)});
  const std::size_t hidden = bytes(c.moe_intermediate_size);
  return std::max({n * bytes(c.hidden_size) + slots * hidden, n * hidden, part * of_attention});
}

}  // namespace

WorkerScratch::WorkerScratch(const arch::Config& config, std::size_t pool_rows)
    : tile(kernels::kAttentionTile * std::max(config.head_dim, config.index_head_dim)),
      head_max(config.num_attention_heads),
      head_sum(config.num_attention_heads),
      weighted(config.num_attention_heads * config.head_dim),
      pool_kv(pool_rows * std::max(config.head_dim, config.index_head_dim)),
      pool_score(pool_rows * std::max(config.head_dim, config.index_head_dim)),
      entry(std::max(config.head_dim, config.index_head_dim)),
      cos(config.qk_rope_head_dim / 2),
      sin(config.qk_rope_head_dim / 2),
      scores(kernels::kAttentionTile),
      topk(config.index_topk) {}

std::size_t WorkerScratch::bytes() const {
  std::size_t floats = 0;
  for (const Buffer<float>* buffer :
       {&tile, &head_max, &head_sum, &weighted, &pool_kv, &pool_score, &entry, &cos, &sin, &scores})
    floats += buffer->size();
  return floats * sizeof(float);
}

template <class T>
void Workspace::Take(Buffer<T>* buffer, std::size_t count) {
  if (!measure_only_) *buffer = Buffer<T>(count);
  bytes_ += count * sizeof(T);
}

Workspace::Workspace(const arch::Config& config, const arch::KvLayout& layout,
                     std::size_t max_tokens, std::size_t threads) {
  TakeAll(config, layout, max_tokens, threads);
}

std::size_t Workspace::BytesFor(const arch::Config& config, const arch::KvLayout& layout,
                                std::size_t max_tokens, std::size_t threads) {
  Workspace measured;
  measured.measure_only_ = true;
  measured.TakeAll(config, layout, max_tokens, threads);
  return measured.bytes();
}

void Workspace::TakeAll(const arch::Config& config, const arch::KvLayout& layout,
                        std::size_t max_tokens, std::size_t threads) {
  const arch::Config& c = config;
  const std::size_t n = max_tokens;
  const std::size_t k = c.num_experts_per_tok;
  const std::size_t part = std::min(n, kAttentionRows);
  slots = std::min(n * k, std::max(kExpertSlots, k));
  Take(&streams, n * c.hc_mult * c.hidden_size);
  if (c.num_nextn_predict_layers > 0) Take(&mtp_streams, n * c.hc_mult * c.hidden_size);
  Take(&mixes, n * kernels::kHcMixes);
  Take(&hc_weights, n * kernels::kHcMixes);
  Take(&x, n * c.hidden_size);
  Take(&sub_out, n * c.hidden_size);
  Take(&inputs, (InputBytes(c, n, part, slots) + sizeof(float) - 1) / sizeof(float));
  Take(&cos, part * c.qk_rope_head_dim / 2);
  Take(&sin, part * c.qk_rope_head_dim / 2);
  Take(&q_latent, part * c.q_lora_rank);
  Take(&q, part * c.num_attention_heads * c.head_dim);
  Take(&kv, part * c.head_dim);
  Take(&entries, part * layout.entry_bytes);
  Take(&pool_kv, part * 2 * c.head_dim);
  Take(&pool_score, part * 2 * c.head_dim);
  Take(&index_kv, part * 2 * c.index_head_dim);
  Take(&index_score, part * 2 * c.index_head_dim);
  Take(&index_q, part * c.index_n_heads * c.index_head_dim);
  Take(&index_w, part * c.index_n_heads);
  Take(&packed_index_q, part * kernels::PackedIndexQueryBytes(c.index_n_heads, c.index_head_dim));
  Take(&selected, part * c.index_topk);
  Take(&selected_count, part);
  Take(&o_latent, part * c.o_groups * c.o_lora_rank);
  Take(&router_logits, n * c.n_routed_experts);
  Take(&expert_ids, n * k);
  Take(&expert_weights, n * k);
  Take(&expert_slot, n * k);
  Take(&slot_row, n * k);
  Take(&slot_weight, n * k);
  Take(&grouped_x, slots * c.hidden_size);
  Take(&grouped_out, slots * c.hidden_size);
  Take(&gate, std::max(n, slots) * c.moe_intermediate_size);
  Take(&up, std::max(n, slots) * c.moe_intermediate_size);
  for (std::size_t t = 0; t < (measure_only_ ? 1 : threads); ++t)
    workers.emplace_back(c, std::size_t{arch::kHcaRatio});
  bytes_ += threads * workers[0].bytes();
}

}  // namespace hadal::model
