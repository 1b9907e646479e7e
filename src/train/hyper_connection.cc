#include "train/hyper_connection.h"

#include <cmath>

#include "train/parallel.h"
#include "train/plain.h"
#include "train/simd.h"
#include "train/tensor_products.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Shape {
  std::int64_t tokens, n, dim, mixes;
  Shape(const Tensor& streams, std::int64_t mixes_)
      : tokens(streams.size(0)), n(streams.size(1)), dim(streams.size(2)), mixes(mixes_) {}
};

struct Range {
  std::int64_t begin, end;
};

// rsqrt(mean(row^2) + eps)
template <class T>
HADAL_TARGET_CLONES void InverseRms(const T* x, std::int64_t width, T eps, Range rows, T* inverse) {
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const T* a = x + row * width;
    inverse[row] = 1 / std::sqrt(Dot(a, a, width) / static_cast<T>(width) + eps);
  }
}

// Some rows, one after another. They are taken four at a time, as many streams as published models
// have: what they are summed into, or multiplied with, then moves once.
template <class T>
struct Rows {
  const T* data;
  std::int64_t count, width;
};

// y += sum_j weight[j * step] * x_j
template <class T>
HADAL_INLINE void AddRows(const Rows<T>& x, const T* weight, std::int64_t step, T* y) {
  std::int64_t j = 0;
  for (; j + 4 <= x.count; j += 4) {
    const T *a = x.data + j * x.width, *b = a + x.width, *c = b + x.width, *d = c + x.width,
            *w = weight + j * step;
    const T wa = w[0], wb = w[step], wc = w[2 * step], wd = w[3 * step];
#pragma omp simd
    for (std::int64_t i = 0; i < x.width; ++i)
      y[i] = y[i] + wa * a[i] + wb * b[i] + wc * c[i] + wd * d[i];
  }
  for (; j < x.count; ++j) AddScaled(weight[j * step], x.data + j * x.width, x.width, y);
}

// dots[j] += y . x_j
template <class T>
HADAL_INLINE void AddDots(const Rows<T>& x, const T* y, T* dots) {
  std::int64_t j = 0;
  for (; j + 4 <= x.count; j += 4) {
    const T *a = x.data + j * x.width, *b = a + x.width, *c = b + x.width, *d = c + x.width;
    T ya = 0, yb = 0, yc = 0, yd = 0;
#pragma omp simd reduction(+ : ya, yb, yc, yd)
    for (std::int64_t i = 0; i < x.width; ++i) {
      ya += y[i] * a[i];
      yb += y[i] * b[i];
      yc += y[i] * c[i];
      yd += y[i] * d[i];
    }
    dots[j] += ya;
    dots[j + 1] += yb;
    dots[j + 2] += yc;
    dots[j + 3] += yd;
  }
  for (; j < x.count; ++j) dots[j] += Dot(y, x.data + j * x.width, x.width);
}

// y = sum_j mix_j * streams_j
template <class T>
HADAL_TARGET_CLONES void Read(const Shape& s, const T* x, const T* mix, Range tokens, T* y) {
  for (std::int64_t t = tokens.begin; t < tokens.end; ++t) {
    std::fill_n(y + t * s.dim, s.dim, T{0});
    AddRows({x + t * s.n * s.dim, s.n, s.dim}, mix + t * s.mixes, 1, y + t * s.dim);
  }
}

// dmix_j += dinput . streams_j
template <class T>
HADAL_TARGET_CLONES void ReadBackwardMix(const Shape& s, const T* x, const T* dinput, Range tokens,
                                         T* dmix) {
  for (std::int64_t t = tokens.begin; t < tokens.end; ++t)
    AddDots({x + t * s.n * s.dim, s.n, s.dim}, dinput + t * s.dim, dmix + t * s.mixes);
}

// dx += mix_j * dinput + pull * x + dstreams, the last if there is one
template <class T>
HADAL_TARGET_CLONES void ReadBackwardStreams(const Shape& s, const T* x, const T* mix,
                                             const T* dinput, const T* pull, const T* dstreams,
                                             Range tokens, T* dx) {
  for (std::int64_t t = tokens.begin; t < tokens.end; ++t)
    for (std::int64_t j = 0; j < s.n; ++j) {
      const std::int64_t at = (t * s.n + j) * s.dim;
      const T weight = mix[t * s.mixes + j], p = pull[t];
      const T* g = dinput + t * s.dim;
      if (dstreams == nullptr) {
#pragma omp simd
        for (std::int64_t d = 0; d < s.dim; ++d) dx[at + d] += weight * g[d] + p * x[at + d];
      } else {
#pragma omp simd
        for (std::int64_t d = 0; d < s.dim; ++d)
          dx[at + d] = dx[at + d] + (weight * g[d] + p * x[at + d]) + dstreams[at + d];
      }
    }
}

struct ReadFunction : torch::autograd::Function<ReadFunction> {
  static variable_list forward(AutogradContext* context, const Tensor& streams_in, const Tensor& fn,
                               const Tensor& scale, const Tensor& base, double norm_eps,
                               HyperMixOptions options, Products products) {
    const Tensor streams = streams_in.contiguous(), x = streams.view({streams.size(0), -1});
    Tensor inverse = torch::empty({x.size(0), 1}, x.options());
    Tensor input = torch::empty({streams.size(0), streams.size(2)}, x.options()), logits, mix;
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "HyperRead", [&] {
      const auto* data = x.data_ptr<scalar_t>();
      auto* inverses = inverse.data_ptr<scalar_t>();
      ParallelRows(x.size(0), x.size(1), [&](std::int64_t begin, std::int64_t end) {
        InverseRms(data, x.size(1), static_cast<scalar_t>(norm_eps), {begin, end}, inverses);
      });
      logits = torch::empty({x.size(0), fn.size(0)}, x.options());
      Multiply(Product<scalar_t>{DenseOf<scalar_t>(x), DenseOf<scalar_t>(fn).Turned(),
                                 logits.data_ptr<scalar_t>(), fn.size(0)},
               Products::kF32);
      logits.mul_(inverse);
      mix = HyperMix(logits, scale, base, options);
      const Shape s(streams, mix.size(1));
      const auto* m = mix.data_ptr<scalar_t>();
      auto* y = input.data_ptr<scalar_t>();
      ParallelRows(s.tokens, s.n * s.dim, [&](std::int64_t begin, std::int64_t end) {
        Read(s, data, m, {begin, end}, y);
      });
    });
    context->save_for_backward({streams, fn, scale, base, inverse, logits, mix});
    context->saved_data["iterations"] = options.iterations;
    context->saved_data["eps"] = options.eps;
    context->saved_data["constrained"] = options.constrained;
    SaveProducts(context, products);
    context->set_materialize_grads(false);
    return {input, mix, streams};
  }

  // logits = z * r with z = fn . x: dz = r * dlogits, and dr pulls x along itself, by
  // -sum(dlogits * logits) * r^2 / width * x.
  static variable_list backward(AutogradContext* context, const variable_list& d) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &streams = saved[0], &fn = saved[1], &inverse = saved[4], &logits = saved[5],
                 &mix = saved[6];
    const HyperMixOptions options{streams.size(1), context->saved_data["iterations"].toInt(),
                                  context->saved_data["eps"].toDouble(),
                                  context->saved_data["constrained"].toBool()};
    const Tensor x = streams.view({streams.size(0), -1}), dinput = d[0].contiguous();
    Tensor dmix = d[1].defined() ? d[1].clone() : torch::zeros_like(mix);
    const Shape s(streams, mix.size(1));
    HyperMixGradients grad;
    Tensor dx, dfn;
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "HyperRead", [&] {
      const auto *data = x.data_ptr<scalar_t>(), *g = dinput.data_ptr<scalar_t>();
      auto* dm = dmix.data_ptr<scalar_t>();
      ParallelRows(s.tokens, s.n * s.dim, [&](std::int64_t begin, std::int64_t end) {
        ReadBackwardMix(s, data, g, {begin, end}, dm);
      });
      grad = HyperMixBackward(logits, saved[2], saved[3], dmix, options);
      const Tensor dz = grad.logits * inverse;
      dfn = torch::empty_like(fn);
      dx = torch::empty_like(x);
      const Products products = SavedProducts(context);
      Multiply(Product<scalar_t>{DenseOf<scalar_t>(dz).Turned(), DenseOf<scalar_t>(x),
                                 dfn.data_ptr<scalar_t>(), x.size(1)},
               products);
      Multiply(Product<scalar_t>{DenseOf<scalar_t>(dz), DenseOf<scalar_t>(fn),
                                 dx.data_ptr<scalar_t>(), x.size(1)},
               products);
      const Tensor pull = ((grad.logits * logits).sum(1, true) * inverse * inverse)
                              .mul_(-1.0 / static_cast<double>(x.size(1)));
      const Tensor dstreams = d[2].defined() ? d[2].contiguous() : Tensor();
      const auto *m = mix.data_ptr<scalar_t>(), *p = pull.data_ptr<scalar_t>(),
                 *more = dstreams.defined() ? dstreams.data_ptr<scalar_t>() : nullptr;
      auto* out = dx.data_ptr<scalar_t>();
      ParallelRows(s.tokens, s.n * s.dim, [&](std::int64_t begin, std::int64_t end) {
        ReadBackwardStreams(s, data, m, g, p, more, {begin, end}, out);
      });
    });
    return {dx.view(streams.sizes()), dfn, grad.scale, grad.base, Tensor(), Tensor(), Tensor()};
  }
};

template <class T>
HADAL_TARGET_CLONES void Write(const Shape& s, const T* x, const T* output, const T* mix,
                               Range tokens, T* y) {
  for (std::int64_t t = tokens.begin; t < tokens.end; ++t) {
    const T *post = mix + t * s.mixes + s.n, *comb = post + s.n, *add = output + t * s.dim;
    for (std::int64_t j = 0; j < s.n; ++j) {
      T* row = y + (t * s.n + j) * s.dim;
#pragma omp simd
      for (std::int64_t d = 0; d < s.dim; ++d) row[d] = post[j] * add[d];
      AddRows({x + t * s.n * s.dim, s.n, s.dim}, comb + j, s.n, row);
    }
  }
}

template <class T>
struct WriteGradients {
  T *streams, *output, *mix;
};

template <class T>
HADAL_TARGET_CLONES void WriteBackward(const Shape& s, const T* x, const T* output, const T* mix,
                                       const T* dy, Range tokens, const WriteGradients<T>& grad) {
  for (std::int64_t t = tokens.begin; t < tokens.end; ++t) {
    const T *post = mix + t * s.mixes + s.n, *comb = post + s.n;
    const Rows<T> rows{dy + t * s.n * s.dim, s.n, s.dim};
    T *dmix = grad.mix + t * s.mixes, *dpost = dmix + s.n, *dcomb = dpost + s.n;
    T* doutput = grad.output + t * s.dim;
    std::fill_n(dmix, s.mixes, T{0});
    std::fill_n(doutput, s.dim, T{0});
    AddDots(rows, output + t * s.dim, dpost);
    AddRows(rows, post, 1, doutput);
    for (std::int64_t i = 0; i < s.n; ++i) {
      const std::int64_t at = (t * s.n + i) * s.dim;
      std::fill_n(grad.streams + at, s.dim, T{0});
      AddDots(rows, x + at, dcomb + i * s.n);
      AddRows(rows, comb + i * s.n, 1, grad.streams + at);
    }
  }
}

struct WriteFunction : torch::autograd::Function<WriteFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& streams_in, const Tensor& output_in,
                        const Tensor& mix_in) {
    const Tensor streams = streams_in.contiguous(), output = output_in.contiguous(),
                 mix = mix_in.contiguous();
    Tensor out = torch::empty_like(streams);
    const Shape s(streams, mix.size(1));
    AT_DISPATCH_FLOATING_TYPES(streams.scalar_type(), "HyperWrite", [&] {
      const auto *x = streams.data_ptr<scalar_t>(), *o = output.data_ptr<scalar_t>(),
                 *m = mix.data_ptr<scalar_t>();
      auto* y = out.data_ptr<scalar_t>();
      ParallelRows(s.tokens, s.n * s.dim, [&](std::int64_t begin, std::int64_t end) {
        Write(s, x, o, m, {begin, end}, y);
      });
    });
    context->save_for_backward({streams, output, mix});
    return out;
  }
  static variable_list backward(AutogradContext* context, const variable_list& d) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &streams = saved[0], &output = saved[1], &mix = saved[2], dy = d[0].contiguous();
    Tensor dstreams = torch::empty_like(streams), doutput = torch::empty_like(output),
           dmix = torch::empty_like(mix);
    const Shape s(streams, mix.size(1));
    AT_DISPATCH_FLOATING_TYPES(dy.scalar_type(), "HyperWrite", [&] {
      const auto *x = streams.data_ptr<scalar_t>(), *o = output.data_ptr<scalar_t>(),
                 *m = mix.data_ptr<scalar_t>(), *g = dy.data_ptr<scalar_t>();
      const WriteGradients<scalar_t> grad{dstreams.data_ptr<scalar_t>(),
                                          doutput.data_ptr<scalar_t>(), dmix.data_ptr<scalar_t>()};
      ParallelRows(s.tokens, s.n * s.dim, [&](std::int64_t begin, std::int64_t end) {
        WriteBackward(s, x, o, m, g, {begin, end}, grad);
      });
    });
    return {dstreams, doutput, dmix};
  }
};

}  // namespace

HyperReadResult plain::HyperRead(const Tensor& streams, const HyperWeights& weights,
                                 double norm_eps, const HyperMixOptions& options) {
  const Tensor x = streams.flatten(1);
  const Tensor inverse = (x.square().mean(1, true) + norm_eps).rsqrt();
  const Tensor mix = plain::HyperMix(torch::matmul(x, weights.fn.t()) * inverse, weights.scale,
                                     weights.base, options);
  const Tensor pre = mix.slice(1, 0, options.streams);
  return {(pre.unsqueeze(2) * streams).sum(1), mix, streams};
}

Tensor plain::HyperWrite(const Tensor& streams, const Tensor& output, const Tensor& mix) {
  const std::int64_t n = streams.size(1);
  const Tensor post = mix.slice(1, n, 2 * n), comb = mix.slice(1, 2 * n).reshape({-1, n, n});
  return post.unsqueeze(2) * output.unsqueeze(1) + torch::bmm(comb.transpose(1, 2), streams);
}

HyperReadResult HyperRead(const Tensor& streams, const HyperWeights& weights, double norm_eps,
                          const HyperMixOptions& options, Products products) {
  if (!HasKernels(streams)) return plain::HyperRead(streams, weights, norm_eps, options);
  const variable_list out = ReadFunction::apply(streams, weights.fn, weights.scale, weights.base,
                                                norm_eps, options, products);
  return {out[0], out[1], out[2]};
}

Tensor HyperWrite(const Tensor& streams, const Tensor& output, const Tensor& mix) {
  if (!HasKernels(streams)) return plain::HyperWrite(streams, output, mix);
  return WriteFunction::apply(streams, output, mix);
}

}  // namespace hadal::train
