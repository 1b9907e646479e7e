#include "train/hyper_connection.h"

#include <cmath>

#include "train/parallel.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// rsqrt(mean(row^2) + eps) of every row of x [rows, width].
template <class T>
void InverseRms(const Tensor& x, double eps, Tensor& inverse) {
  const std::int64_t width = x.size(1);
  const T* in = x.data_ptr<T>();
  T* out = inverse.data_ptr<T>();
  ParallelRows(x.size(0), width, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      T squares = 0;
      for (std::int64_t d = 0; d < width; ++d) squares += in[row * width + d] * in[row * width + d];
      out[row] = 1 / std::sqrt(squares / static_cast<T>(width) + static_cast<T>(eps));
    }
  });
}

// dx[row] += factor[row] * x[row]
template <class T>
void AddScaledRows(const Tensor& x, const Tensor& factor, Tensor& dx) {
  const std::int64_t width = x.size(1);
  const T *in = x.data_ptr<T>(), *f = factor.data_ptr<T>();
  T* out = dx.data_ptr<T>();
  ParallelRows(x.size(0), width, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row)
      for (std::int64_t d = 0; d < width; ++d) out[row * width + d] += f[row] * in[row * width + d];
  });
}

struct LogitsFunction : torch::autograd::Function<LogitsFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& streams, const Tensor& fn,
                        double eps) {
    const Tensor x = streams.contiguous().view({streams.size(0), -1});
    Tensor inverse = torch::empty({x.size(0), 1}, x.options());
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "HyperLogits",
                               [&] { InverseRms<scalar_t>(x, eps, inverse); });
    const Tensor logits = torch::mm(x, fn.t()).mul_(inverse);
    context->save_for_backward({x, fn, inverse, logits});
    context->saved_data["streams"] = streams.size(1);
    return logits;
  }
  // logits = z * r with z = fn . x: dz = r * d, and dr = sum(d * z) pulls x along itself by
  // dr * d(r)/dx = -sum(d * logits) * r^2 / width * x.
  static variable_list backward(AutogradContext* context, const variable_list& d) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &fn = saved[1], &inverse = saved[2], &logits = saved[3];
    const Tensor dz = d[0] * inverse;
    Tensor dx = torch::mm(dz, fn);
    const Tensor pull = ((d[0] * logits).sum(1, true) * inverse * inverse)
                            .mul_(-1.0 / static_cast<double>(x.size(1)));
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "HyperLogits",
                               [&] { AddScaledRows<scalar_t>(x, pull, dx); });
    return {dx.view({x.size(0), context->saved_data["streams"].toInt(), -1}), torch::mm(dz.t(), x),
            Tensor()};
  }
};

// Pointers and sizes shared by the loops over tokens below.
template <class T>
struct Shape {
  std::int64_t tokens, n, dim, mixes;
  Shape(const Tensor& streams, const Tensor& mix)
      : tokens(streams.size(0)), n(streams.size(1)), dim(streams.size(2)), mixes(mix.size(1)) {}
};

template <class T>
void Read(const Tensor& streams, const Tensor& mix, Tensor& out) {
  const Shape<T> s(streams, mix);
  const T *x = streams.data_ptr<T>(), *m = mix.data_ptr<T>();
  T* y = out.data_ptr<T>();
  ParallelRows(s.tokens, s.n * s.dim, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      T* row = y + t * s.dim;
      std::fill_n(row, s.dim, T{0});
      for (std::int64_t j = 0; j < s.n; ++j) {
        const T weight = m[t * s.mixes + j];
        const T* stream = x + (t * s.n + j) * s.dim;
        for (std::int64_t d = 0; d < s.dim; ++d) row[d] += weight * stream[d];
      }
    }
  });
}

template <class T>
void ReadBackward(const Tensor& streams, const Tensor& mix, const Tensor& dy, Tensor& dstreams,
                  Tensor& dmix) {
  const Shape<T> s(streams, mix);
  const T *x = streams.data_ptr<T>(), *m = mix.data_ptr<T>(), *g = dy.data_ptr<T>();
  T *dx = dstreams.data_ptr<T>(), *dm = dmix.data_ptr<T>();
  ParallelRows(s.tokens, s.n * s.dim, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t)
      for (std::int64_t j = 0; j < s.n; ++j) {
        const std::int64_t at = (t * s.n + j) * s.dim;
        const T weight = m[t * s.mixes + j];
        T dot = 0;
        for (std::int64_t d = 0; d < s.dim; ++d) {
          dx[at + d] = weight * g[t * s.dim + d];
          dot += x[at + d] * g[t * s.dim + d];
        }
        dm[t * s.mixes + j] = dot;
      }
  });
}

struct ReadFunction : torch::autograd::Function<ReadFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& streams_in, const Tensor& mix_in) {
    const Tensor streams = streams_in.contiguous(), mix = mix_in.contiguous();
    Tensor out = torch::empty({streams.size(0), streams.size(2)}, streams.options());
    AT_DISPATCH_FLOATING_TYPES(streams.scalar_type(), "HyperRead",
                               [&] { Read<scalar_t>(streams, mix, out); });
    context->save_for_backward({streams, mix});
    return out;
  }
  static variable_list backward(AutogradContext* context, const variable_list& d) {
    const variable_list saved = context->get_saved_variables();
    const Tensor dy = d[0].contiguous();
    Tensor dstreams = torch::empty_like(saved[0]), dmix = torch::zeros_like(saved[1]);
    AT_DISPATCH_FLOATING_TYPES(dy.scalar_type(), "HyperRead", [&] {
      ReadBackward<scalar_t>(saved[0], saved[1], dy, dstreams, dmix);
    });
    return {dstreams, dmix};
  }
};

template <class T>
void Write(const Tensor& streams, const Tensor& output, const Tensor& mix, Tensor& out) {
  const Shape<T> s(streams, mix);
  const T *x = streams.data_ptr<T>(), *o = output.data_ptr<T>(), *m = mix.data_ptr<T>();
  T* y = out.data_ptr<T>();
  ParallelRows(s.tokens, s.n * s.dim, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const T *post = m + t * s.mixes + s.n, *comb = post + s.n;
      const T *from = x + t * s.n * s.dim, *add = o + t * s.dim;
      for (std::int64_t j = 0; j < s.n; ++j) {
        T* row = y + (t * s.n + j) * s.dim;
        for (std::int64_t d = 0; d < s.dim; ++d) row[d] = post[j] * add[d];
        for (std::int64_t i = 0; i < s.n; ++i)
          for (std::int64_t d = 0; d < s.dim; ++d)
            row[d] += comb[i * s.n + j] * from[i * s.dim + d];
      }
    }
  });
}

template <class T>
T Dot(const T* a, const T* b, std::int64_t count) {
  T sum = 0;
  for (std::int64_t d = 0; d < count; ++d) sum += a[d] * b[d];
  return sum;
}

struct WriteGradients {
  Tensor streams, output, mix;
};

template <class T>
void WriteBackward(const Tensor& streams, const Tensor& output, const Tensor& mix, const Tensor& dy,
                   WriteGradients& grad) {
  const Shape<T> s(streams, mix);
  const T *x = streams.data_ptr<T>(), *o = output.data_ptr<T>(), *m = mix.data_ptr<T>();
  const T* g = dy.data_ptr<T>();
  T *dx = grad.streams.data_ptr<T>(), *d_out = grad.output.data_ptr<T>(),
    *dm = grad.mix.data_ptr<T>();
  ParallelRows(s.tokens, s.n * s.dim, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const T *post = m + t * s.mixes + s.n, *comb = post + s.n;
      T *dpost = dm + t * s.mixes + s.n, *dcomb = dpost + s.n, *dadd = d_out + t * s.dim;
      const T* rows = g + t * s.n * s.dim;
      std::fill_n(dm + t * s.mixes, s.n, T{0});
      std::fill_n(dadd, s.dim, T{0});
      for (std::int64_t j = 0; j < s.n; ++j) {
        const T* row = rows + j * s.dim;
        dpost[j] = Dot(row, o + t * s.dim, s.dim);
        for (std::int64_t d = 0; d < s.dim; ++d) dadd[d] += post[j] * row[d];
      }
      for (std::int64_t i = 0; i < s.n; ++i) {
        const T* from = x + (t * s.n + i) * s.dim;
        T* dfrom = dx + (t * s.n + i) * s.dim;
        std::fill_n(dfrom, s.dim, T{0});
        for (std::int64_t j = 0; j < s.n; ++j) {
          dcomb[i * s.n + j] = Dot(rows + j * s.dim, from, s.dim);
          for (std::int64_t d = 0; d < s.dim; ++d)
            dfrom[d] += comb[i * s.n + j] * rows[j * s.dim + d];
        }
      }
    }
  });
}

struct WriteFunction : torch::autograd::Function<WriteFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& streams_in, const Tensor& output_in,
                        const Tensor& mix_in) {
    const Tensor streams = streams_in.contiguous(), output = output_in.contiguous(),
                 mix = mix_in.contiguous();
    Tensor out = torch::empty_like(streams);
    AT_DISPATCH_FLOATING_TYPES(streams.scalar_type(), "HyperWrite",
                               [&] { Write<scalar_t>(streams, output, mix, out); });
    context->save_for_backward({streams, output, mix});
    return out;
  }
  static variable_list backward(AutogradContext* context, const variable_list& d) {
    const variable_list saved = context->get_saved_variables();
    const Tensor dy = d[0].contiguous();
    WriteGradients grad{torch::empty_like(saved[0]), torch::empty_like(saved[1]),
                        torch::empty_like(saved[2])};
    AT_DISPATCH_FLOATING_TYPES(dy.scalar_type(), "HyperWrite", [&] {
      WriteBackward<scalar_t>(saved[0], saved[1], saved[2], dy, grad);
    });
    return {grad.streams, grad.output, grad.mix};
  }
};

}  // namespace

Tensor HyperLogits(const Tensor& streams, const Tensor& fn, double norm_eps) {
  return LogitsFunction::apply(streams, fn, norm_eps);
}

Tensor HyperRead(const Tensor& streams, const Tensor& mix) {
  return ReadFunction::apply(streams, mix);
}

Tensor HyperWrite(const Tensor& streams, const Tensor& output, const Tensor& mix) {
  return WriteFunction::apply(streams, output, mix);
}

Tensor HyperHead(const Tensor& streams, const HyperWeights& weights, double norm_eps,
                 double hc_eps) {
  const Tensor logits = HyperLogits(streams, weights.fn, norm_eps);
  return HyperRead(streams, (logits * weights.scale + weights.base).sigmoid() + hc_eps);
}

}  // namespace hadal::train
