// The blocks that attention_core.cc computes in: which keys and entries a block of queries may see,
// and the products with them.
#pragma once
#include <torch/torch.h>

#include <algorithm>
#include <cstdint>

#include "train/matrix_product.h"

namespace hadal::train {

inline constexpr std::int64_t kQueries = 32;  // fewer would pack more, more would compute more

// Queries are taken `queries` at a time. Such a block sees its own keys and `before` ahead of them,
// as far as there are any.
struct Bands {
  std::int64_t tokens, queries, before, blocks;
  Bands(std::int64_t tokens_, std::int64_t window)
      : tokens(tokens_),
        queries(kQueries),
        before(std::min(window, tokens) - 1),
        blocks((tokens + queries - 1) / queries) {}
  std::int64_t keys() const { return before + queries; }  // at most
};

// One block of one row of the batch.
struct Block {
  std::int64_t row;                 // of the batch
  std::int64_t begin, end;          // its queries
  std::int64_t key;                 // its first key; the last one is that of its last query
  std::int64_t entry, entries_end;  // what any of its queries may see
  std::int64_t queries() const { return end - begin; }
  std::int64_t keys() const { return end - key; }
  std::int64_t entries() const { return entries_end - entry; }
};

// What the softmax of a token runs over, in its rows of scores.
struct Ranges {
  std::int64_t window_begin, window_end, entry_begin, entry_end;
};

// What every token may see, by its number in the whole batch.
class Sight {
 public:
  Sight(const torch::Tensor& window_begin, const torch::Tensor& entry_begin,
        const torch::Tensor& entry_end, const Bands& bands)
      : bands_(bands),
        window_begin_(window_begin.data_ptr<std::int64_t>()),
        entry_begin_(entry_begin.defined() ? entry_begin.data_ptr<std::int64_t>() : nullptr),
        entry_end_(entry_end.defined() ? entry_end.data_ptr<std::int64_t>() : nullptr) {}

  Block BlockAt(std::int64_t row, std::int64_t index) const {
    Block block{row,
                index * bands_.queries,
                std::min(bands_.tokens, (index + 1) * bands_.queries),
                std::max<std::int64_t>(0, index * bands_.queries - bands_.before),
                0,
                0};
    if (entry_begin_ == nullptr) return block;
    const std::int64_t first = row * bands_.tokens;
    block.entry =
        *std::min_element(entry_begin_ + first + block.begin, entry_begin_ + first + block.end);
    block.entries_end =
        *std::max_element(entry_end_ + first + block.begin, entry_end_ + first + block.end);
    block.entries_end = std::max(block.entry, block.entries_end);
    return block;
  }
  // Of query t of a block, relative to the block's keys and entries.
  Ranges RangesOf(const Block& block, std::int64_t t) const {
    const std::int64_t token = block.row * bands_.tokens + t;
    Ranges r{window_begin_[token] - block.key, t - block.key + 1, 0, 0};
    if (entry_begin_ == nullptr) return r;
    r.entry_begin = entry_begin_[token] - block.entry;
    r.entry_end = std::max(r.entry_begin, entry_end_[token] - block.entry);
    return r;
  }

 private:
  Bands bands_;
  const std::int64_t *window_begin_, *entry_begin_, *entry_end_;
};

// The tensors of one pass, as what a block of them is. Probabilities of a block lie as
// [queries * heads, bands.keys()] and [queries * heads, count]; only what the block sees is there.
template <class T>
struct Core {
  Bands bands;
  std::int64_t heads, width, count;
  const T *q, *kv, *entries;
  Products products;

  Core(const Bands& bands_, const torch::Tensor& q_, const torch::Tensor& kv_,
       const torch::Tensor& entries_, Products products_)
      : bands(bands_),
        heads(q_.size(2)),
        width(q_.size(3)),
        count(entries_.numel() > 0 ? entries_.size(1) : 0),
        q(q_.data_ptr<T>()),
        kv(kv_.data_ptr<T>()),
        entries(count > 0 ? entries_.data_ptr<T>() : nullptr),
        products(products_) {}

  std::int64_t FirstRow(const Block& b) const {  // of queries and heads, in the whole batch
    return (b.row * bands.tokens + b.begin) * heads;
  }
  Matrix<T> Queries(const T* x, const Block& b) const {
    return Dense(x + FirstRow(b) * width, b.queries() * heads, width);
  }
  std::int64_t KeyAt(const Block& b) const { return (b.row * bands.tokens + b.key) * width; }
  std::int64_t EntryAt(const Block& b) const { return (b.row * count + b.entry) * width; }
  Matrix<T> Keys(const Block& b) const { return Dense(kv + KeyAt(b), b.keys(), width); }
  Matrix<T> Visible(const Block& b) const {
    return Dense(entries + EntryAt(b), b.entries(), width);
  }
  Matrix<T> OfKeys(const T* p, const Block& b) const {
    return {p, b.queries() * heads, b.keys(), bands.keys(), 1};
  }
  Matrix<T> OfEntries(const T* p, const Block& b) const {
    return {p, b.queries() * heads, b.entries(), count, 1};
  }

  // x . k for the rows x of queries.
  void Scores(const Matrix<T>& x, const Block& b, T* window, T* entry) const {
    Multiply(Product<T>{x, Keys(b).Turned(), window, bands.keys()}, products);
    if (b.entries() > 0) Multiply(Product<T>{x, Visible(b).Turned(), entry, count}, products);
  }
  // out = p k, over keys and entries.
  void Sum(const T* window, const T* entry, const Block& b, T* out) const {
    Multiply(Product<T>{OfKeys(window, b), Keys(b), out, width}, products);
    if (b.entries() > 0)
      Multiply(Product<T>{OfEntries(entry, b), Visible(b), out, width, out, width}, products);
  }
  // dkeys += p^T x, likewise for entries.
  void AddBack(const T* window, const T* entry, const Matrix<T>& x, const Block& b, T* dkv,
               T* dentries) const {
    T* const keys = dkv + KeyAt(b);
    Multiply(Product<T>{OfKeys(window, b).Turned(), x, keys, width, keys, width}, products);
    if (b.entries() == 0) return;
    T* const visible = dentries + EntryAt(b);
    Multiply(Product<T>{OfEntries(entry, b).Turned(), x, visible, width, visible, width}, products);
  }
};

}  // namespace hadal::train
