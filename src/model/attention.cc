#include "model/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/prefetch.h"
#include "kernels/attention.h"
#include "kernels/rms_norm.h"
#include "model/compressor.h"
#include "model/entries.h"
#include "model/indexer.h"
#include "model/linear.h"

namespace hadal::model {
namespace {

constexpr std::size_t kTile = kernels::kAttentionTile;

void NormaliseRows(Pass& pass, View2<float> rows, std::span<const float> gain) {
  ForEach(pass, rows.rows(), [&](WorkerScratch&, std::size_t t) {
    kernels::RmsNorm(rows[t], gain, static_cast<float>(pass.config.rms_norm_eps), rows[t]);
    RoundActs(pass.numerics, rows[t]);
  });
}

// Every head: weightless RMS norm, then RoPE.
void PrepareQueries(Pass& pass, View2<float> q) {
  const auto eps = static_cast<float>(pass.config.rms_norm_eps);
  const std::size_t head_dim = pass.config.head_dim;
  ForEach(pass, q.rows(), [&](WorkerScratch&, std::size_t t) {
    for (std::size_t h = 0; h < pass.config.num_attention_heads; ++h) {
      const std::span<float> head = q[t].subspan(h * head_dim, head_dim);
      if (pass.numerics.bf16_activations)
        kernels::RmsNormBf16Steps(head, eps);
      else
        kernels::RmsNorm(head, {}, eps, head);
      RotateHead(pass, t, head, kernels::Turn::kForward);
    }
  });
}

std::span<std::byte> NewEntry(const Pass& pass, std::size_t row) {
  const std::size_t bytes = pass.layout.entry_bytes;
  return pass.work.entries.span().subspan(row * bytes, bytes);
}

// The batch's own window entries, kept apart from the ring until every row has read the old ones.
void MakeWindowEntries(Pass& pass, View2<float> kv) {
  ForEach(pass, kv.rows(), [&](WorkerScratch&, std::size_t t) {
    RotateHead(pass, t, kv[t], kernels::Turn::kForward);
    StoreEntry(pass, kv[t], NewEntry(pass, t));
  });
}

void KeepWindow(Pass& pass, std::size_t layer) {
  for (const BatchChunk& chunk : pass.batch.chunks) {
    const std::size_t kept = std::min(chunk.rows, pass.layout.window);
    for (std::size_t i = chunk.rows - kept; i < chunk.rows; ++i)
      std::ranges::copy(NewEntry(pass, chunk.first_row + i),
                        WindowSlot(pass, *chunk.sequence, layer, chunk.first_position + i).begin());
  }
}

// The entries that one row attends, as a list: window positions ascending, then compressed entries
// ascending. Its order and the places where tiles are cut depend on the position alone.
class EntryList {
 public:
  EntryList(const Pass& pass, std::size_t layer, std::size_t row)
      : pass_(pass), layer_(layer), row_(row), chunk_(pass.batch.chunks[pass.batch.chunk_of[row]]) {
    const std::uint64_t position = pass.batch.positions[row];
    const std::uint64_t window = pass.layout.window;
    window_begin_ = position + 1 > window ? position + 1 - window : 0;
    window_count_ = position + 1 - window_begin_;
    const std::size_t ratio = pass.layout.layers[layer].ratio;
    chosen_ = ratio == arch::kCsaRatio;
    compressed_count_ = ratio == 0 ? 0
                        : chosen_  ? pass.work.selected_count[row]
                                   : (position + 1) / ratio;
  }

  std::size_t size() const { return window_count_ + compressed_count_; }

  std::span<const std::byte> operator[](std::size_t index) const {
    if (index < window_count_) return Window(window_begin_ + index);
    std::uint64_t entry = index - window_count_;
    if (chosen_) entry = pass_.work.selected[row_ * pass_.config.index_topk + entry];
    return CompressedEntry(pass_, *chunk_.sequence, layer_, entry);
  }

 private:
  std::span<const std::byte> Window(std::uint64_t position) const {
    if (position >= chunk_.first_position)
      return NewEntry(pass_, chunk_.first_row + (position - chunk_.first_position));
    return WindowSlot(pass_, *chunk_.sequence, layer_, position);
  }

  const Pass& pass_;
  std::size_t layer_, row_;
  const BatchChunk& chunk_;
  std::uint64_t window_begin_ = 0;
  std::size_t window_count_ = 0, compressed_count_ = 0;
  bool chosen_ = false;
};

// Some heads of one row.
void AttendRow(Pass& pass, std::size_t layer, std::size_t row, std::span<const float> sink,
               View2<const float> q, View2<float> out, WorkerScratch& worker) {
  const float scale = 1 / std::sqrt(static_cast<float>(q.cols()));
  kernels::AttentionState state{worker.head_max.span().first(q.rows()),
                                worker.head_sum.span().first(q.rows()),
                                worker.weighted.As(q.rows(), q.cols())};
  const EntryList list(pass, layer, row);
  kernels::AttendBegin(state);
  for (std::size_t begin = 0; begin < list.size(); begin += kTile) {
    const View2<float> tile = worker.tile.As(std::min(kTile, list.size() - begin), q.cols());
    for (std::size_t j = 0; j < tile.rows(); ++j) LoadEntry(pass, list[begin + j], tile[j]);
    for (std::size_t j = begin + kTile; j < std::min(begin + 2 * kTile, list.size()); ++j)
      Prefetch(list[j]);
    kernels::AttendTile(q, tile, scale, state);
  }
  kernels::AttendEnd(sink, state, out);
}

// Attention of every row, in place of its queries, then the inverse rotation of the outputs (keys that carry a position are
// values here, so the outputs carry one too).
void AttendRows(Pass& pass, std::size_t layer, const Attention& attn, View2<float> q) {
  const std::size_t head_dim = pass.config.head_dim, heads = pass.config.num_attention_heads;
  // A single row's heads are shared out.
  const std::size_t parts = pass.rows() == 1 ? std::min(heads, pass.threads.count()) : 1;
  ForEach(pass, pass.rows() * parts, [&](WorkerScratch& worker, std::size_t item) {
    const std::size_t t = item / parts, part = item % parts;
    const std::size_t first = heads * part / parts, count = heads * (part + 1) / parts - first;
    const View2<const float> query(q[t].data() + first * head_dim, count, head_dim);
    const View2<float> result(q[t].data() + first * head_dim, count, head_dim);
    AttendRow(pass, layer, t, std::span(attn.attn_sink).subspan(first, count), query, result,
              worker);
    for (std::size_t h = 0; h < count; ++h) {
      RoundActs(pass.numerics, result[h]);
      RotateHead(pass, t, result[h], kernels::Turn::kInverse);
    }
  });
}

void GroupedOutput(Pass& pass, const Attention& attn, View2<const float> o, View2<float> out) {
  const arch::Config& c = pass.config;
  const View2<float> latent = pass.Rows(pass.work.o_latent, c.o_groups * c.o_lora_rank);
  const std::size_t group_dim = o.cols() / c.o_groups;
  // As many groups together as their inputs' integers have room for.
  LinearJobs jobs;
  ForgetIntegers(pass);
  for (std::size_t g = 0; g < c.o_groups; ++g) {
    const View2<const float> x = o.Cols(g * group_dim, group_dim);
    const View2<float> y = latent.Cols(g * c.o_lora_rank, c.o_lora_rank);
    if (!TakesIntegers(pass.numerics, attn.wo_a[g])) {
      jobs.floats.push_back({x, attn.wo_a[g], y});
      continue;
    }
    if (!HasRoomForIntegers(pass, x, attn.wo_a[g])) {
      jobs.Run(pass);
      jobs = {};
      ForgetIntegers(pass);
    }
    jobs.integers.push_back({IntegerRows(pass, x, attn.wo_a[g]), attn.wo_a[g], y});
  }
  jobs.Run(pass);
  Linear(pass, latent, {{&attn.wo_b, out}});
}

void AttendPart(Pass& pass, std::size_t layer, const Attention& attn, const RopeTables& tables,
                View2<const float> x, View2<float> out) {
  const arch::Config& c = pass.config;
  const std::span<const float> frequencies = tables.For(attn.ratio);
  const View2<float> q_latent = pass.Rows(pass.work.q_latent, c.q_lora_rank);
  const View2<float> q = pass.Rows(pass.work.q, c.num_attention_heads * c.head_dim);
  const View2<float> kv = pass.Rows(pass.work.kv, c.head_dim);

  PrepareAngles(pass, frequencies);
  Linear(pass, x, {{&attn.wq_a, q_latent}, {&attn.wkv, kv}});
  NormaliseRows(pass, q_latent, attn.q_norm);
  NormaliseRows(pass, kv, attn.kv_norm);
  Linear(pass, q_latent, {{&attn.wq_b, q}});
  PrepareQueries(pass, q);
  MakeWindowEntries(pass, kv);
  if (attn.compressor)
    Compress(pass, layer, *attn.compressor, EntryKind::kAttention, frequencies, x);
  if (attn.indexer) SelectEntries(pass, layer, *attn.indexer, frequencies, x, q_latent);
  AttendRows(pass, layer, attn, q);
  KeepWindow(pass, layer);
  GroupedOutput(pass, attn, q, out);
}

}  // namespace

void Attend(Pass& pass, std::size_t layer, const Attention& attn, const RopeTables& tables) {
  const View2<const float> x = pass.Rows(pass.work.x, pass.config.hidden_size);
  const View2<float> out = pass.Rows(pass.work.sub_out, pass.config.hidden_size);
  if (pass.rows() <= kAttentionRows) return AttendPart(pass, layer, attn, tables, x, out);
  const Batch whole = std::move(pass.batch);
  for (std::size_t begin = 0; begin < whole.rows(); begin += kAttentionRows) {
    const std::size_t count = std::min(kAttentionRows, whole.rows() - begin);
    pass.batch = whole.Rows(begin, count);
    pass.first_row = begin;
    AttendPart(pass, layer, attn, tables, x.Rows(begin, count), out.Rows(begin, count));
  }
  pass.batch = whole;
  pass.first_row = 0;
}

}  // namespace hadal::model
