#include "cache/random_state.h"

#include <algorithm>
#include <vector>

#include "arch/entry_format.h"
#include "base/random.h"
#include "kernels/entries.h"
#include "tensor/random_fill.h"

namespace hadal::cache {
namespace {

// Row `index` of an endless matrix of normal numbers, `dim` wide (a multiple of 4).
class Rows {
 public:
  Rows(std::uint64_t key, std::size_t dim) : fill_(FloatFill(key, 0, 1)), dim_(dim) {}
  void Row(std::uint64_t index, std::span<float> out) const {
    fill_(index * dim_ * sizeof(float), std::as_writable_bytes(out));
  }

 private:
  NormalFill<float> fill_;
  std::size_t dim_;
};

class Filler {
 public:
  Filler(const arch::Config& config, const arch::Numerics& numerics, std::uint64_t tokens,
         std::uint64_t seed, Threads& threads, Sequence& sequence)
      : config_(config),
        entry_(arch::EntryFormatOf(config, numerics)),
        key_(arch::KeyFormatOf(config, numerics)),
        layout_(sequence.pool().layout()),
        tokens_(tokens),
        seed_(seed),
        threads_(threads),
        state_(sequence.state()) {}

  void Fill() {
    for (std::size_t l = 0; l < layout_.layers.size(); ++l) {
      const arch::LayerLayout& layer = layout_.layers[l];
      if (layer.kind.window) FillWindow(l, layer);
      FillTail(Key(l, 1), layer.tail);
      FillTail(Key(l, 2), layer.index_tail);
      if (layer.page_entries == 0) continue;
      FillPages(l, layer);
    }
    state_.tokens = tokens_;
    state_.mtp_tokens = tokens_ == 0 ? 0 : tokens_ - 1;
  }

 private:
  std::uint64_t Key(std::size_t layer, std::uint64_t kind) const {
    return MixBits(seed_ * 0x9E3779B97F4A7C15u + layer * 16 + kind);
  }

  void FillWindow(std::size_t l, const arch::LayerLayout& layer) {
    const Rows rows(Key(l, 0), config_.head_dim);
    std::vector<float> kv(config_.head_dim);
    for (std::size_t slot = 0; slot < std::min<std::uint64_t>(layout_.window_slots, tokens_);
         ++slot) {
      rows.Row(slot, kv);
      kernels::StoreEntry(entry_, kv,
                          state_.fixed.data() + layer.window_offset + slot * layout_.entry_bytes);
    }
  }

  void FillTail(std::uint64_t key, const arch::TailLayout& tail) {
    if (tail.rows == 0) return;
    const NormalFill<float> fill = FloatFill(key, 0, 1);
    const std::size_t bytes = tail.bytes() / 2;
    fill(0, state_.fixed.subspan(tail.kv_offset, bytes));
    fill((bytes + 15) / 16 * 16, state_.fixed.subspan(tail.score_offset, bytes));
  }

  void FillPages(std::size_t l, const arch::LayerLayout& layer) {
    const Rows entries(Key(l, 3), config_.head_dim), keys(Key(l, 4), config_.index_head_dim);
    const std::uint64_t count = tokens_ / layer.kind.ratio;
    const std::size_t per_page = layer.page_entries;
    threads_.Run((count + per_page - 1) / per_page, [&](std::size_t page) {
      std::vector<float> row(std::max(config_.head_dim, config_.index_head_dim));
      const std::span<float> kv = std::span(row).first(config_.head_dim);
      const std::span<float> key = std::span(row).first(config_.index_head_dim);
      for (std::size_t i = 0; i < per_page && page * per_page + i < count; ++i) {
        entries.Row(page * per_page + i, kv);
        kernels::StoreEntry(entry_, kv,
                            state_.pages[page] + layer.entry_offset + i * layout_.entry_bytes);
        if (!layer.kind.indexed) continue;
        keys.Row(page * per_page + i, key);
        kernels::StoreEntry(key_, key,
                            state_.pages[page] + layer.index_offset + i * layout_.index_key_bytes);
      }
    });
  }

  const arch::Config& config_;
  const kernels::EntryFormat entry_;
  const kernels::KeyFormat key_;
  const arch::KvLayout& layout_;
  const std::uint64_t tokens_, seed_;
  Threads& threads_;
  model::SequenceState& state_;
};

}  // namespace

Status FillRandom(const arch::Config& config, const arch::Numerics& numerics, std::uint64_t tokens,
                  std::uint64_t seed, Threads& threads, Sequence* sequence) {
  HADAL_CHECK(sequence->tokens() == 0);
  HADAL_TRY_STATUS(sequence->Reserve(tokens));
  Filler(config, numerics, tokens, seed, threads, *sequence).Fill();
  return Unit{};
}

}  // namespace hadal::cache
