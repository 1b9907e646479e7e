#include "train/attention_core.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "train/parallel.h"
#include "train/simd.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Queries are taken `queries` at a time; such a block sees `before` keys ahead of its own.
struct Bands {
  std::int64_t tokens, queries, before, blocks;
  Bands(std::int64_t tokens_, std::int64_t window)
      : tokens(tokens_),
        queries(std::clamp<std::int64_t>(window, 16, 64)),
        before((std::min(window, tokens) - 1 + queries - 1) / queries * queries),
        blocks((tokens + queries - 1) / queries) {}
  std::int64_t keys() const { return before + queries; }
  std::int64_t padded() const { return blocks * queries; }

  // [batch, tokens, ...] with zero tokens behind, up to a whole number of blocks.
  Tensor Pad(const Tensor& x) const {
    if (padded() == tokens) return x.contiguous();
    std::vector<std::int64_t> shape = x.sizes().vec();
    shape[1] = padded() - tokens;
    return torch::cat({x, torch::zeros(shape, x.options())}, 1);
  }
  // [batch, padded, width] -> [batch * blocks, keys, width]: the keys of every block, copied.
  Tensor Spread(const Tensor& kv) const {
    const std::int64_t batch = kv.size(0), width = kv.size(2), rows = before + padded();
    const Tensor front = torch::zeros({batch, before, width}, kv.options());
    return torch::cat({front, kv}, 1)
        .as_strided({batch, blocks, keys(), width}, {rows * width, queries * width, width, 1})
        .reshape({batch * blocks, keys(), width});
  }
  // The reverse: sums what belongs to the same key. -> [batch, tokens, width]
  Tensor Gather(const Tensor& spread, std::int64_t batch) const {
    const std::int64_t width = spread.size(2);
    Tensor sum = torch::zeros({batch, before + padded(), width}, spread.options());
    const Tensor parts = spread.view({batch, blocks, keys(), width});
    for (std::int64_t block = 0; block < blocks; ++block)
      sum.narrow(1, block * queries, keys()).add_(parts.select(1, block));
    return sum.narrow(1, before, tokens).contiguous();
  }
};

// What the softmax of a token runs over, in its rows of scores.
struct Ranges {
  std::int64_t window_begin, window_end, entry_begin, entry_end;
};

template <class T>
HADAL_INLINE T Largest(const T* z, std::int64_t begin, std::int64_t end, T top) {
#pragma omp simd reduction(max : top)
  for (std::int64_t j = begin; j < end; ++j) top = Max(top, z[j]);
  return top;
}

template <class T>
HADAL_INLINE T ExpRange(T* z, std::int64_t begin, std::int64_t end, T top, T scale) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t j = begin; j < end; ++j) {
    z[j] = Exp((z[j] - top) * scale);
    sum += z[j];
  }
  return sum;
}

// Zero outside of [begin, end), times factor inside.
template <class T>
HADAL_INLINE void Finish(T* z, std::int64_t begin, std::int64_t end, std::int64_t size, T factor) {
  std::fill(z, z + begin, T{0});
#pragma omp simd
  for (std::int64_t j = begin; j < end; ++j) z[j] *= factor;
  std::fill(z + end, z + size, T{0});
}

// Scores of one head of one token in, probabilities out; returns the sink's.
template <class T>
HADAL_TARGET_CLONES T SoftmaxRow(T* window, std::int64_t keys, T* entries, std::int64_t count,
                                 T sink, T scale, const Ranges& r, const std::uint8_t* selected) {
  if (selected != nullptr)
    for (std::int64_t j = r.entry_begin; j < r.entry_end; ++j)
      entries[j] = selected[j] != 0 ? entries[j] : -std::numeric_limits<T>::infinity();
  T top = Largest(window, r.window_begin, r.window_end, sink / scale);
  top = Largest(entries, r.entry_begin, r.entry_end, top);
  const T sink_e = Exp(sink - top * scale);
  const T sum = sink_e + ExpRange(window, r.window_begin, r.window_end, top, scale) +
                ExpRange(entries, r.entry_begin, r.entry_end, top, scale);
  Finish(window, r.window_begin, r.window_end, keys, 1 / sum);
  Finish(entries, r.entry_begin, r.entry_end, count, 1 / sum);
  return sink_e / sum;
}

// What has no gradient. visible, and with it selected, may be absent.
struct Visibility {
  const Tensor& window_begin;
  const Entries* visible;
  const Tensor& selected;
  std::int64_t window;
  Tensor* mass;  // null: not wanted
};

template <class T>
class Softmax {
 public:
  Softmax(const Bands& bands, const Visibility& in, std::int64_t heads)
      : bands_(bands),
        heads_(heads),
        count_(in.visible != nullptr ? in.visible->count : 0),
        window_begin_(in.window_begin.data_ptr<std::int64_t>()),
        entry_begin_(count_ > 0 ? in.visible->begin.data_ptr<std::int64_t>() : nullptr),
        entry_end_(count_ > 0 ? in.visible->end.data_ptr<std::int64_t>() : nullptr),
        selected_(in.selected.defined() ? in.selected.data_ptr<std::uint8_t>() : nullptr) {}

  // Scores in, probabilities out, in place; sink_p [batch, padded, heads].
  void Forward(T* window, T* entries, const T* sink, T scale, std::int64_t batch, T* sink_p) const {
    ParallelRows(batch * bands_.padded(), heads_ * (bands_.keys() + count_) * 4,
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t row = begin; row < end; ++row)
                     Token(row, window + row * heads_ * bands_.keys(),
                           entries + row * heads_ * count_, sink, scale, sink_p + row * heads_);
                 });
  }

 private:
  void Token(std::int64_t row, T* window, T* entries, const T* sink, T scale, T* sink_p) const {
    const std::int64_t t = row % bands_.padded();
    if (t >= bands_.tokens) {  // a padding query: no gradient may come of it
      std::fill_n(window, heads_ * bands_.keys(), T{0});
      std::fill_n(entries, heads_ * count_, T{0});
      std::fill_n(sink_p, heads_, T{0});
      return;
    }
    const std::int64_t token = row / bands_.padded() * bands_.tokens + t;
    const std::int64_t first_key = t / bands_.queries * bands_.queries - bands_.before;
    const Ranges r{window_begin_[token] - first_key, t - first_key + 1,
                   count_ > 0 ? entry_begin_[token] : 0, count_ > 0 ? entry_end_[token] : 0};
    const std::uint8_t* selected = selected_ != nullptr ? selected_ + token * count_ : nullptr;
    for (std::int64_t h = 0; h < heads_; ++h)
      sink_p[h] = SoftmaxRow(window + h * bands_.keys(), bands_.keys(), entries + h * count_,
                             count_, sink[h], scale, r, selected);
  }

  Bands bands_;
  std::int64_t heads_, count_;
  const std::int64_t *window_begin_, *entry_begin_, *entry_end_;
  const std::uint8_t* selected_;
};

struct RowsShape {
  std::int64_t heads, keys, count;
};

// dp in, dz out, in place: dz = scale * p * (dp - sum(p * dp)) and dsink -= sink_p * sum(p * dp),
// of tokens [begin, end).
template <class T>
HADAL_TARGET_CLONES void SoftmaxBackward(const RowsShape& s, const T* window_p, const T* entry_p,
                                         const T* sink_p, T scale, std::int64_t begin,
                                         std::int64_t end, T* window_d, T* entry_d, T* dsink) {
  for (std::int64_t i = begin * s.heads; i < end * s.heads; ++i) {
    const T *pw = window_p + i * s.keys, *pe = entry_p + i * s.count;
    T *dw = window_d + i * s.keys, *de = entry_d + i * s.count;
    const T dot = Dot(pw, dw, s.keys) + Dot(pe, de, s.count);
    dsink[i % s.heads] -= sink_p[i] * dot;
#pragma omp simd
    for (std::int64_t j = 0; j < s.keys; ++j) dw[j] = scale * pw[j] * (dw[j] - dot);
#pragma omp simd
    for (std::int64_t j = 0; j < s.count; ++j) de[j] = scale * pe[j] * (de[j] - dot);
  }
}

struct AttentionFunction : torch::autograd::Function<AttentionFunction> {
  // entries is empty where there are none.
  static Tensor forward(AutogradContext* context, const Tensor& q_in, const Tensor& kv_in,
                        const Tensor& entries_in, const Tensor& sink, const Visibility& in) {
    const std::int64_t batch = q_in.size(0), heads = q_in.size(2), width = q_in.size(3);
    const Bands bands(q_in.size(1), in.window);
    const std::int64_t count = in.visible != nullptr ? in.visible->count : 0;
    const Tensor q = bands.Pad(q_in), keys = bands.Spread(bands.Pad(kv_in));
    const Tensor q_blocks = q.view({batch * bands.blocks, bands.queries * heads, width});
    const Tensor q_rows = q.view({batch, bands.padded() * heads, width});
    Tensor window_p = torch::bmm(q_blocks, keys.transpose(1, 2)), entries, entry_p;
    if (count > 0) {
      entries = entries_in.contiguous();
      entry_p = torch::bmm(q_rows, entries.transpose(1, 2));
    }
    Tensor sink_p = torch::empty({batch, bands.padded(), heads}, q.options());
    AT_DISPATCH_FLOATING_TYPES(q.scalar_type(), "Attention", [&] {
      Softmax<scalar_t>(bands, in, heads)
          .Forward(window_p.data_ptr<scalar_t>(),
                   count > 0 ? entry_p.data_ptr<scalar_t>() : nullptr, sink.data_ptr<scalar_t>(),
                   static_cast<scalar_t>(1 / std::sqrt(static_cast<double>(width))), batch,
                   sink_p.data_ptr<scalar_t>());
    });
    Tensor o = torch::bmm(window_p, keys).view({batch, bands.padded() * heads, width});
    if (count > 0) o.baddbmm_(entry_p, entries);
    if (in.mass != nullptr)
      *in.mass =
          entry_p.view({batch, bands.padded(), heads, count}).narrow(1, 0, bands.tokens).sum(2);
    context->save_for_backward({q, keys, entries, window_p, entry_p, sink_p});
    context->saved_data["tokens"] = bands.tokens;
    context->saved_data["window"] = in.window;
    return o.view({batch, bands.padded(), heads, width}).narrow(1, 0, bands.tokens);
  }

  static variable_list backward(AutogradContext* context, const variable_list& d) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &q = saved[0], &keys = saved[1], &entries = saved[2], &window_p = saved[3],
                 &entry_p = saved[4], &sink_p = saved[5];
    const Bands bands(context->saved_data["tokens"].toInt(), context->saved_data["window"].toInt());
    const std::int64_t batch = q.size(0), heads = q.size(2), width = q.size(3);
    const auto blocks = [&](const Tensor& x) {
      return x.view({batch * bands.blocks, bands.queries * heads, width});
    };
    const auto rows = [&](const Tensor& x) {
      return x.view({batch, bands.padded() * heads, width});
    };
    const Tensor g = bands.Pad(d[0]);
    Tensor window_d = torch::bmm(blocks(g), keys.transpose(1, 2)), entry_d, dentries;
    if (entries.defined()) entry_d = torch::bmm(rows(g), entries.transpose(1, 2));
    Tensor dkeys = torch::bmm(window_p.transpose(1, 2), blocks(g));
    if (entries.defined()) dentries = torch::bmm(entry_p.transpose(1, 2), rows(g));
    Tensor dsink;
    AT_DISPATCH_FLOATING_TYPES(q.scalar_type(), "Attention", [&] {
      const RowsShape s{heads, bands.keys(), entries.defined() ? entries.size(1) : 0};
      const auto *pw = window_p.data_ptr<scalar_t>(), *ps = sink_p.data_ptr<scalar_t>();
      const auto* pe = s.count > 0 ? entry_p.data_ptr<scalar_t>() : nullptr;
      auto* dw = window_d.data_ptr<scalar_t>();
      auto* de = s.count > 0 ? entry_d.data_ptr<scalar_t>() : nullptr;
      const auto scale = static_cast<scalar_t>(1 / std::sqrt(static_cast<double>(width)));
      dsink =
          SumOverRows<scalar_t>(batch * bands.padded(), heads, q.scalar_type(),
                                [&](std::int64_t begin, std::int64_t end, scalar_t* sum) {
                                  SoftmaxBackward(s, pw, pe, ps, scale, begin, end, dw, de, sum);
                                });
    });
    Tensor dq = torch::bmm(window_d, keys).view({batch, bands.padded() * heads, width});
    dkeys.baddbmm_(window_d.transpose(1, 2), blocks(q));
    if (entries.defined()) {
      dq.baddbmm_(entry_d, entries);
      dentries.baddbmm_(entry_d.transpose(1, 2), rows(q));
    }
    return {dq.view(q.sizes()).narrow(1, 0, bands.tokens), bands.Gather(dkeys, batch), dentries,
            dsink, Tensor()};
  }
};

}  // namespace

AttentionResult AttentionCore(const AttentionInputs& in, const DocumentPlan& plan,
                              std::int64_t window, const Entries* visible) {
  const bool any = in.entries.defined() && in.entries.size(1) > 0;
  HADAL_CHECK(!any || (visible != nullptr && visible->count == in.entries.size(1)));
  AttentionResult result;
  result.o = AttentionFunction::apply(
      in.q, in.kv, any ? in.entries : torch::empty({0}, in.q.options()), in.sink,
      Visibility{plan.window_begin, any ? visible : nullptr, in.selected, window,
                 any && in.want_mass ? &result.mass : nullptr});
  return result;
}

}  // namespace hadal::train
