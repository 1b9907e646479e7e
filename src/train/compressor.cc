#include "train/compressor.h"

#include <cmath>
#include <limits>
#include <vector>

#include "train/parallel.h"
#include "train/plain.h"
#include "train/rms_norm.h"
#include "train/simd.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct PoolShape {
  std::int64_t tokens, wide, width, ratio, count;
  bool overlap() const { return wide != width; }
};

// Calls f(offset of the candidate's channels in kv and gate, the same in ape) for every candidate
// of an entry. `token` is the batch-wide index of the block's first token.
template <class F>
HADAL_INLINE void ForCandidates(const PoolShape& s, std::int64_t token, bool has_previous, F&& f) {
  if (s.overlap() && has_previous)
    for (std::int64_t r = 0; r < s.ratio; ++r) f((token - s.ratio + r) * s.wide, r * s.wide);
  const std::int64_t half = s.wide - s.width;
  for (std::int64_t r = 0; r < s.ratio; ++r) f((token + r) * s.wide + half, r * s.wide + half);
}

template <class T>
struct PoolValues {
  const T *kv, *gate, *ape;
};

template <class T>
struct PoolGradients {
  T *kv, *gate, *ape;
};

// sum [width] is room to work in.
template <class T>
HADAL_TARGET_CLONES void PoolEntry(const PoolShape& s, std::int64_t token, bool has_previous,
                                   const PoolValues<T>& in, T* out, T* log_sum, T* sum) {
  const T *kv = in.kv, *gate = in.gate, *ape = in.ape;
  std::fill_n(log_sum, s.width, -std::numeric_limits<T>::infinity());
  std::fill_n(out, s.width, T{0});
  std::fill_n(sum, s.width, T{0});
  // log_sum holds the largest gate until it can be completed.
  ForCandidates(s, token, has_previous, [&](std::int64_t at, std::int64_t ape_at) HADAL_LAMBDA {
#pragma omp simd
    for (std::int64_t d = 0; d < s.width; ++d)
      log_sum[d] = Max(log_sum[d], gate[at + d] + ape[ape_at + d]);
  });
  ForCandidates(s, token, has_previous, [&](std::int64_t at, std::int64_t ape_at) HADAL_LAMBDA {
#pragma omp simd
    for (std::int64_t d = 0; d < s.width; ++d) {
      const T e = Exp(gate[at + d] + ape[ape_at + d] - log_sum[d]);
      sum[d] += e;
      out[d] += e * kv[at + d];
    }
  });
  for (std::int64_t d = 0; d < s.width; ++d) {
    out[d] /= sum[d];
    log_sum[d] += std::log(sum[d]);
  }
}

// With p the softmax weight of a candidate: dkv = p * d, dgate = p * d * (kv - out). A token's half
// of the channels belongs to one entry only, so entries write apart.
template <class T>
HADAL_TARGET_CLONES void PoolEntryBackward(const PoolShape& s, std::int64_t token,
                                           bool has_previous, const PoolValues<T>& in, const T* out,
                                           const T* log_sum, const T* dout,
                                           const PoolGradients<T>& grad) {
  const T *kv = in.kv, *gate = in.gate, *ape = in.ape;
  T *dkv = grad.kv, *dgate = grad.gate, *dape = grad.ape;
  ForCandidates(s, token, has_previous, [&](std::int64_t at, std::int64_t ape_at) HADAL_LAMBDA {
#pragma omp simd
    for (std::int64_t d = 0; d < s.width; ++d) {
      const T p = Exp(gate[at + d] + ape[ape_at + d] - log_sum[d]);
      const T g = p * dout[d], dg = g * (kv[at + d] - out[d]);
      dkv[at + d] = g;
      dgate[at + d] = dg;
      dape[ape_at + d] += dg;
    }
  });
}

struct PoolFunction : torch::autograd::Function<PoolFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& kv_in, const Tensor& gate_in,
                        const Tensor& ape, const Tensor& first, const Tensor& positions,
                        std::int64_t width) {
    const Tensor kv = kv_in.contiguous(), gate = gate_in.contiguous();
    const std::int64_t batch = first.size(0), count = first.size(1);
    Tensor out = torch::zeros({batch, count, width}, kv.options());
    Tensor log_sum = torch::zeros_like(out);
    AT_DISPATCH_FLOATING_TYPES(kv.scalar_type(), "PoolBlocks", [&] {
      Forward<scalar_t>(kv, gate, ape, first, positions, out, log_sum);
    });
    context->save_for_backward({kv, gate, ape, first, positions, out, log_sum});
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& d) {
    const variable_list saved = context->get_saved_variables();
    const Tensor dout = d[0].contiguous();
    Tensor dkv = torch::zeros_like(saved[0]), dgate = torch::zeros_like(saved[1]), dape;
    AT_DISPATCH_FLOATING_TYPES(dout.scalar_type(), "PoolBlocks",
                               [&] { dape = Backward<scalar_t>(saved, dout, dkv, dgate); });
    return {dkv, dgate, dape, Tensor(), Tensor(), Tensor()};
  }

 private:
  static PoolShape ShapeOf(const Tensor& kv, const Tensor& ape, const Tensor& out) {
    return {kv.size(0) / out.size(0), kv.size(1), out.size(2), ape.size(0), out.size(1)};
  }

  template <class T>
  static void Forward(const Tensor& kv, const Tensor& gate, const Tensor& ape, const Tensor& first,
                      const Tensor& positions, Tensor& out, Tensor& log_sum) {
    const PoolShape s = ShapeOf(kv, ape, out);
    const std::int64_t *token = first.data_ptr<std::int64_t>(),
                       *position = positions.data_ptr<std::int64_t>();
    const PoolValues<T> in{kv.data_ptr<T>(), gate.data_ptr<T>(), ape.data_ptr<T>()};
    T *pooled = out.data_ptr<T>(), *log_sums = log_sum.data_ptr<T>();
    ParallelRows(first.numel(), s.ratio * s.wide * 4, [&](std::int64_t begin, std::int64_t end) {
      std::vector<T> room(static_cast<std::size_t>(s.width));
      for (std::int64_t e = begin; e < end; ++e)
        if (token[e] >= 0)
          PoolEntry(s, e / s.count * s.tokens + token[e], position[e] > 0, in, pooled + e * s.width,
                    log_sums + e * s.width, room.data());
    });
  }

  template <class T>
  static Tensor Backward(const variable_list& saved, const Tensor& dout, Tensor& dkv,
                         Tensor& dgate) {
    const PoolShape s = ShapeOf(saved[0], saved[2], dout);
    const PoolValues<T> in{saved[0].data_ptr<T>(), saved[1].data_ptr<T>(), saved[2].data_ptr<T>()};
    const std::int64_t *token = saved[3].data_ptr<std::int64_t>(),
                       *position = saved[4].data_ptr<std::int64_t>();
    const T *out = saved[5].data_ptr<T>(), *log_sum = saved[6].data_ptr<T>();
    const T* grad = dout.data_ptr<T>();
    T *dv = dkv.data_ptr<T>(), *dg = dgate.data_ptr<T>();
    const auto entries = [&](std::int64_t begin, std::int64_t end, T* dape) {
      for (std::int64_t e = begin; e < end; ++e)
        if (token[e] >= 0)
          PoolEntryBackward(s, e / s.count * s.tokens + token[e], position[e] > 0, in,
                            out + e * s.width, log_sum + e * s.width, grad + e * s.width,
                            {dv, dg, dape});
    };
    return SumOverRows<T>(saved[3].numel(), s.ratio * s.wide, dout.scalar_type(), entries, 4)
        .view({s.ratio, s.wide});
  }
};

}  // namespace

Tensor plain::PoolBlocks(const Tensor& kv, const Tensor& gate, const Tensor& ape,
                         const Entries& entries, std::int64_t width) {
  const std::int64_t batch = entries.first.size(0), half = kv.size(1) - width;
  const auto indices = entries.first.options();
  const Tensor row = torch::arange(batch, indices).unsqueeze(1) * (kv.size(0) / batch);
  // The token `back` before each token of a block, [batch, count, ratio], as a row of kv; where
  // there is none, any.
  const auto tokens = [&](std::int64_t back) {
    const Tensor step = torch::arange(-back, entries.ratio - back, indices);
    return ((entries.first + row).unsqueeze(2) + step).clamp_min(0);
  };
  const auto candidates = [&](const Tensor& x, const Tensor& of, std::int64_t channel) {
    return x.slice(1, channel, channel + width)
        .index_select(0, of.flatten())
        .view({batch, entries.count, entries.ratio, width});
  };
  const Tensor own = tokens(0);
  Tensor values = candidates(kv, own, half),
         gates = candidates(gate, own, half) + ape.slice(1, half);
  if (half > 0) {  // the previous block's tokens are candidates too
    const Tensor previous = tokens(entries.ratio),
                 none = (entries.positions == 0).view({batch, entries.count, 1, 1});
    const Tensor gates_before = (candidates(gate, previous, 0) + ape.slice(1, 0, width))
                                    .masked_fill(none, -std::numeric_limits<double>::infinity());
    values = torch::cat({candidates(kv, previous, 0), values}, 2);
    gates = torch::cat({gates_before, gates}, 2);
  }
  const Tensor padding = (entries.first < 0).unsqueeze(2);
  return (gates.softmax(2) * values).sum(2).masked_fill(padding, 0);
}

Tensor PoolBlocks(const Tensor& kv, const Tensor& gate, const Tensor& ape, const Entries& entries,
                  std::int64_t width) {
  if (!HasKernels(kv)) return plain::PoolBlocks(kv, gate, ape, entries, width);
  return PoolFunction::apply(kv, gate, ape, entries.first, entries.positions, width);
}

Tensor Compress(const Tensor& x, const CompressorWeights& weights, const Entries& entries,
                double norm_eps, Products products) {
  const Tensor pooled =
      PoolBlocks(Linear(x, weights.wkv, products), Linear(x, weights.wgate, products), weights.ape,
                 entries, weights.norm.size(0));
  return RmsNorm(pooled, weights.norm, norm_eps);
}

}  // namespace hadal::train
