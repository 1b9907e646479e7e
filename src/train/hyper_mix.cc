#include "train/hyper_mix.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "train/parallel.h"
#include "train/plain.h"
#include "train/simd.h"

namespace hadal::train {
namespace {

using torch::Tensor;

// Tokens are taken kLanes at a time, one a lane: every step is a loop over lanes.
constexpr std::int64_t kLanes = 16;

// Room for the Sinkhorn steps of kLanes tokens. Every step's result and divisors are kept for the
// way back. Step 0 divides columns, step 1 rows, and so on, the last one columns.
template <class T>
struct Sinkhorn {
  std::int64_t n, steps;
  T eps;
  std::vector<T> values, inverses;  // [steps + 1][n*n][kLanes], [steps][n][kLanes]

  Sinkhorn(const HyperMixOptions& options)
      : n(options.streams), steps(2 * options.iterations - 1), eps(static_cast<T>(options.eps)) {
    values.resize(static_cast<std::size_t>((steps + 1) * n * n * kLanes));
    inverses.resize(static_cast<std::size_t>(steps * n * kLanes));
  }
  T* At(std::int64_t step) { return values.data() + step * n * n * kLanes; }
  T* Inverse(std::int64_t step) { return inverses.data() + step * n * kLanes; }
};

// Element b of line a: lines are columns in even steps, rows in odd ones.
HADAL_INLINE std::int64_t Place(std::int64_t n, std::int64_t step, std::int64_t a, std::int64_t b) {
  return (step % 2 == 0 ? b * n + a : a * n + b) * kLanes;
}

// Rows of k [n*n][kLanes], in place.
template <class T>
HADAL_INLINE void SoftmaxRows(T* k, std::int64_t n, T eps) {
  for (std::int64_t i = 0; i < n; ++i) {
    T* row = k + i * n * kLanes;
    T top[kLanes], sum[kLanes] = {};
    std::copy_n(row, kLanes, top);
    for (std::int64_t j = 1; j < n; ++j)
#pragma omp simd
      for (std::int64_t l = 0; l < kLanes; ++l) top[l] = Max(top[l], row[j * kLanes + l]);
    for (std::int64_t j = 0; j < n; ++j)
#pragma omp simd
      for (std::int64_t l = 0; l < kLanes; ++l) {
        row[j * kLanes + l] = Exp(row[j * kLanes + l] - top[l]);
        sum[l] += row[j * kLanes + l];
      }
    for (std::int64_t j = 0; j < n; ++j)
#pragma omp simd
      for (std::int64_t l = 0; l < kLanes; ++l)
        row[j * kLanes + l] = row[j * kLanes + l] / sum[l] + eps;
  }
}

// The logits are in s.At(0); the result will be in s.At(s.steps).
template <class T>
HADAL_TARGET_CLONES void SinkhornForward(Sinkhorn<T>& s) {
  const std::int64_t n = s.n;
  SoftmaxRows(s.At(0), n, s.eps);
  for (std::int64_t step = 0; step < s.steps; ++step) {
    const T* from = s.At(step);
    T* to = s.At(step + 1);
    for (std::int64_t a = 0; a < n; ++a) {
      T* inverse = s.Inverse(step) + a * kLanes;
      T sum[kLanes];
      std::fill_n(sum, kLanes, s.eps);
      for (std::int64_t b = 0; b < n; ++b)
#pragma omp simd
        for (std::int64_t l = 0; l < kLanes; ++l) sum[l] += from[Place(n, step, a, b) + l];
#pragma omp simd
      for (std::int64_t l = 0; l < kLanes; ++l) inverse[l] = 1 / sum[l];
      for (std::int64_t b = 0; b < n; ++b)
#pragma omp simd
        for (std::int64_t l = 0; l < kLanes; ++l)
          to[Place(n, step, a, b) + l] = from[Place(n, step, a, b) + l] * inverse[l];
    }
  }
}

// d [n*n][kLanes]: gradient of the result in, of the logits out. A division y = x / (sum x + eps)
// gives dx = (dy - sum(dy * y)) / (sum x + eps); the softmax likewise, without its eps.
template <class T>
HADAL_TARGET_CLONES void SinkhornBackward(Sinkhorn<T>& s, T* d) {
  const std::int64_t n = s.n;
  for (std::int64_t step = s.steps - 1; step >= 0; --step) {
    const T* y = s.At(step + 1);
    for (std::int64_t a = 0; a < n; ++a) {
      const T* inverse = s.Inverse(step) + a * kLanes;
      T dot[kLanes] = {};
      for (std::int64_t b = 0; b < n; ++b)
#pragma omp simd
        for (std::int64_t l = 0; l < kLanes; ++l)
          dot[l] += d[Place(n, step, a, b) + l] * y[Place(n, step, a, b) + l];
      for (std::int64_t b = 0; b < n; ++b)
#pragma omp simd
        for (std::int64_t l = 0; l < kLanes; ++l) {
          T& v = d[Place(n, step, a, b) + l];
          v = (v - dot[l]) * inverse[l];
        }
    }
  }
  const T* y = s.At(0);
  for (std::int64_t i = 0; i < n * n; i += n) {
    T dot[kLanes] = {};
    for (std::int64_t j = i * kLanes; j < (i + n) * kLanes; j += kLanes)
#pragma omp simd
      for (std::int64_t l = 0; l < kLanes; ++l) dot[l] += d[j + l] * (y[j + l] - s.eps);
    for (std::int64_t j = i * kLanes; j < (i + n) * kLanes; j += kLanes)
#pragma omp simd
      for (std::int64_t l = 0; l < kLanes; ++l) d[j + l] = (d[j + l] - dot[l]) * (y[j + l] - s.eps);
  }
}

template <class T>
struct Mixer {
  std::int64_t n, width;
  T eps;
  const T *scale, *base;

  Mixer(const Tensor& logits, const Tensor& scales, const Tensor& bases,
        const HyperMixOptions& options)
      : n(options.streams),
        width(logits.size(1)),
        eps(static_cast<T>(options.eps)),
        scale(scales.data_ptr<T>()),
        base(bases.data_ptr<T>()) {
    HADAL_CHECK(width == n || width == (2 + n) * n);
  }
  std::int64_t gates() const { return std::min(width, 2 * n); }
  std::int64_t group(std::int64_t i) const { return i < n ? 0 : i < 2 * n ? 1 : 2; }
  T Scaled(const T* logits, std::int64_t i) const { return logits[i] * scale[group(i)] + base[i]; }

  // The comb logits of `count` tokens into the lanes; lanes past them repeat the last token.
  void Load(const T* logits, std::int64_t count, Sinkhorn<T>& s) const {
    for (std::int64_t i = 2 * n; i < width; ++i)
      for (std::int64_t l = 0; l < kLanes; ++l)
        s.At(0)[(i - 2 * n) * kLanes + l] = Scaled(logits + std::min(l, count - 1) * width, i);
  }
};

template <class T>
void MixTokens(const Mixer<T>& m, const T* logits, std::int64_t count, Sinkhorn<T>& s, T* out) {
  for (std::int64_t l = 0; l < count; ++l)
    for (std::int64_t i = 0; i < m.gates(); ++i) {
      const T gate = Sigmoid(m.Scaled(logits + l * m.width, i));
      out[l * m.width + i] = i < m.n ? gate + m.eps : 2 * gate;
    }
  if (m.width == m.n) return;
  m.Load(logits, count, s);
  SinkhornForward(s);
  const T* comb = s.At(s.steps);
  for (std::int64_t l = 0; l < count; ++l)
    for (std::int64_t i = 2 * m.n; i < m.width; ++i)
      out[l * m.width + i] = comb[(i - 2 * m.n) * kLanes + l];
}

// dscaled: gradient of logit * scale + base.
template <class T>
void MixTokensBackward(const Mixer<T>& m, const T* logits, const T* dmix, std::int64_t count,
                       Sinkhorn<T>& s, T* dscaled) {
  for (std::int64_t l = 0; l < count; ++l)
    for (std::int64_t i = 0; i < m.gates(); ++i) {
      const T gate = Sigmoid(m.Scaled(logits + l * m.width, i));
      dscaled[l * m.width + i] =
          dmix[l * m.width + i] * (i < m.n ? T{1} : T{2}) * gate * (1 - gate);
    }
  if (m.width == m.n) return;
  m.Load(logits, count, s);
  SinkhornForward(s);
  std::vector<T> d(static_cast<std::size_t>(m.n * m.n * kLanes), T{0});
  for (std::int64_t i = 2 * m.n; i < m.width; ++i)
    for (std::int64_t l = 0; l < count; ++l)
      d[static_cast<std::size_t>((i - 2 * m.n) * kLanes + l)] = dmix[l * m.width + i];
  SinkhornBackward(s, d.data());
  for (std::int64_t l = 0; l < count; ++l)
    for (std::int64_t i = 2 * m.n; i < m.width; ++i)
      dscaled[l * m.width + i] = d[static_cast<std::size_t>((i - 2 * m.n) * kLanes + l)];
}

// f(first token, tokens, room) for pieces of at most kLanes tokens.
template <class T, class F>
void ForLanes(std::int64_t tokens, const HyperMixOptions& options, F&& f) {
  ParallelRows(tokens, 2048, [&](std::int64_t begin, std::int64_t end) {
    Sinkhorn<T> room(options);
    for (std::int64_t t = begin; t < end; t += kLanes) f(t, std::min(kLanes, end - t), room);
  });
}

// How many neighbouring mixes share a scale.
std::vector<std::int64_t> GroupSizes(const Tensor& scale, std::int64_t streams) {
  std::vector<std::int64_t> groups = {streams, streams, streams * streams};
  groups.resize(static_cast<std::size_t>(scale.size(0)));
  return groups;
}

// [mixes]: each mix's scale.
Tensor Spread(const Tensor& scale, std::int64_t streams) {
  std::vector<Tensor> scales;
  for (const std::int64_t size : GroupSizes(scale, streams))
    scales.push_back(scale[static_cast<std::int64_t>(scales.size())].expand({size}));
  return torch::cat(scales);
}

// [mixes] summed over those that share a scale.
Tensor SumGroups(const Tensor& values, const Tensor& scale, std::int64_t streams) {
  std::vector<Tensor> sums;
  for (const Tensor& group : values.split_with_sizes(GroupSizes(scale, streams), 0))
    sums.push_back(group.sum());
  return torch::stack(sums);
}

}  // namespace

Tensor plain::HyperMix(const Tensor& logits, const Tensor& scale, const Tensor& base,
                       const HyperMixOptions& options) {
  const std::int64_t n = options.streams;
  if (!options.constrained) return logits.tanh() * Spread(scale, n) + base;
  const Tensor scaled = logits * Spread(scale, n) + base;
  const Tensor pre = scaled.slice(1, 0, n).sigmoid() + options.eps;
  if (logits.size(1) == n) return pre;
  const Tensor post = 2 * scaled.slice(1, n, 2 * n).sigmoid();
  Tensor comb = scaled.slice(1, 2 * n).reshape({-1, n, n}).softmax(2) + options.eps;
  const auto divide = [&](std::int64_t along) {
    comb = comb / (comb.sum(along, true) + options.eps);
  };
  divide(1);
  for (std::int64_t i = 1; i < options.iterations; ++i) {
    divide(2);
    divide(1);
  }
  return torch::cat({pre, post, comb.flatten(1)}, 1);
}

Tensor HyperMix(const Tensor& logits, const Tensor& scale, const Tensor& base,
                const HyperMixOptions& options) {
  if (!options.constrained || !HasKernels(logits))
    return plain::HyperMix(logits, scale, base, options);
  Tensor mix = torch::empty_like(logits);
  AT_DISPATCH_FLOATING_TYPES(logits.scalar_type(), "HyperMix", [&] {
    const Mixer<scalar_t> m(logits, scale, base, options);
    const auto* in = logits.data_ptr<scalar_t>();
    auto* out = mix.data_ptr<scalar_t>();
    ForLanes<scalar_t>(logits.size(0), options,
                       [&](std::int64_t t, std::int64_t count, Sinkhorn<scalar_t>& room) {
                         MixTokens(m, in + t * m.width, count, room, out + t * m.width);
                       });
  });
  return mix;
}

HyperMixGradients HyperMixBackward(const Tensor& logits, const Tensor& scale, const Tensor& base,
                                   const Tensor& dmix, const HyperMixOptions& options) {
  if (!options.constrained) {
    const Tensor t = logits.tanh();
    return {dmix * Spread(scale, options.streams) * (1 - t * t),
            SumGroups((dmix * t).sum(0), scale, options.streams), dmix.sum(0)};
  }
  Tensor dscaled = torch::empty_like(logits);
  AT_DISPATCH_FLOATING_TYPES(logits.scalar_type(), "HyperMix", [&] {
    const Mixer<scalar_t> m(logits, scale, base, options);
    const auto *in = logits.data_ptr<scalar_t>(), *grad = dmix.data_ptr<scalar_t>();
    auto* out = dscaled.data_ptr<scalar_t>();
    ForLanes<scalar_t>(logits.size(0), options,
                       [&](std::int64_t t, std::int64_t count, Sinkhorn<scalar_t>& room) {
                         MixTokensBackward(m, in + t * m.width, grad + t * m.width, count, room,
                                           out + t * m.width);
                       });
  });
  return {dscaled * Spread(scale, options.streams),
          SumGroups((dscaled * logits).sum(0), scale, options.streams), dscaled.sum(0)};
}

}  // namespace hadal::train
