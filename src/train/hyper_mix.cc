#include "train/hyper_mix.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "train/parallel.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Tokens are taken kLanes at a time, one a lane, so that every step is a loop over lanes.
constexpr std::int64_t kLanes = 16;

template <class T>
T Sigmoid(T v) {
  return 1 / (1 + std::exp(-v));
}

// The Sinkhorn steps of kLanes tokens; every step's result and divisors are kept for the way back.
template <class T>
class Sinkhorn {
 public:
  Sinkhorn(std::int64_t streams, std::int64_t iterations, T eps)
      : n_(streams), steps_(2 * iterations - 1), eps_(eps) {
    values_.resize(static_cast<std::size_t>((steps_ + 1) * n_ * n_ * kLanes));
    divisors_.resize(static_cast<std::size_t>(steps_ * n_ * kLanes));
  }

  T* softmax() { return values_.data(); }  // [n*n][kLanes]; the logits go in here
  const T* result() const { return values_.data() + steps_ * n_ * n_ * kLanes; }

  void Forward() {
    Softmax(softmax());
    for (std::int64_t step = 0; step < steps_; ++step) Divide(step);
  }

  // d: [n*n][kLanes], gradient of the result in, of the logits out.
  void Backward(T* d) {
    for (std::int64_t step = steps_ - 1; step >= 0; --step) DivideBackward(step, d);
    SoftmaxBackward(d);
  }

 private:
  // Step 0 divides columns, step 1 rows, and so on. Line a, element b of the line -> index.
  std::int64_t At(std::int64_t step, std::int64_t a, std::int64_t b) const {
    return (step % 2 == 0 ? b * n_ + a : a * n_ + b) * kLanes;
  }
  T* Values(std::int64_t step) { return values_.data() + step * n_ * n_ * kLanes; }

  void Softmax(T* k) const {
    for (std::int64_t i = 0; i < n_; ++i) {
      T* row = k + i * n_ * kLanes;
      for (std::int64_t l = 0; l < kLanes; ++l) {
        T top = row[l], sum = 0;
        for (std::int64_t j = 1; j < n_; ++j) top = std::max(top, row[j * kLanes + l]);
        for (std::int64_t j = 0; j < n_; ++j)
          sum += row[j * kLanes + l] = std::exp(row[j * kLanes + l] - top);
        for (std::int64_t j = 0; j < n_; ++j)
          row[j * kLanes + l] = row[j * kLanes + l] / sum + eps_;
      }
    }
  }
  void SoftmaxBackward(T* d) {
    const T* y = softmax();
    for (std::int64_t i = 0; i < n_ * n_; i += n_) {
      for (std::int64_t l = 0; l < kLanes; ++l) {
        T dot = 0;
        for (std::int64_t j = 0; j < n_; ++j)
          dot += d[(i + j) * kLanes + l] * (y[(i + j) * kLanes + l] - eps_);
        for (std::int64_t j = 0; j < n_; ++j)
          d[(i + j) * kLanes + l] =
              (d[(i + j) * kLanes + l] - dot) * (y[(i + j) * kLanes + l] - eps_);
      }
    }
  }

  void Divide(std::int64_t step) {
    const T* from = Values(step);
    T* to = Values(step + 1);
    for (std::int64_t a = 0; a < n_; ++a) {
      T* divisor = divisors_.data() + (step * n_ + a) * kLanes;
      std::fill_n(divisor, kLanes, eps_);
      for (std::int64_t b = 0; b < n_; ++b)
        for (std::int64_t l = 0; l < kLanes; ++l) divisor[l] += from[At(step, a, b) + l];
      for (std::int64_t l = 0; l < kLanes; ++l) divisor[l] = 1 / divisor[l];
      for (std::int64_t b = 0; b < n_; ++b)
        for (std::int64_t l = 0; l < kLanes; ++l)
          to[At(step, a, b) + l] = from[At(step, a, b) + l] * divisor[l];
    }
  }
  // y = x / (sum x + eps): dx = (dy - sum(dy * y)) / (sum x + eps).
  void DivideBackward(std::int64_t step, T* d) {
    const T* y = Values(step + 1);
    for (std::int64_t a = 0; a < n_; ++a) {
      const T* divisor = divisors_.data() + (step * n_ + a) * kLanes;
      T dot[kLanes] = {};
      for (std::int64_t b = 0; b < n_; ++b)
        for (std::int64_t l = 0; l < kLanes; ++l)
          dot[l] += d[At(step, a, b) + l] * y[At(step, a, b) + l];
      for (std::int64_t b = 0; b < n_; ++b)
        for (std::int64_t l = 0; l < kLanes; ++l) {
          T& v = d[At(step, a, b) + l];
          v = (v - dot[l]) * divisor[l];
        }
    }
  }

  std::int64_t n_, steps_;
  T eps_;
  std::vector<T> values_, divisors_;
};

template <class T>
struct Mixer {
  std::int64_t streams, iterations;
  T eps;
  const T *scale, *base;

  std::int64_t width() const { return (2 + streams) * streams; }
  std::int64_t gates() const { return 2 * streams; }
  T Scaled(const T* logits, std::int64_t i) const {
    return logits[i] * scale[i < streams ? 0 : i < gates() ? 1 : 2] + base[i];
  }

  // The lanes past `count` repeat the last token.
  void Load(const T* logits, std::int64_t count, Sinkhorn<T>& sinkhorn) const {
    for (std::int64_t i = gates(); i < width(); ++i)
      for (std::int64_t l = 0; l < kLanes; ++l)
        sinkhorn.softmax()[(i - gates()) * kLanes + l] =
            Scaled(logits + std::min(l, count - 1) * width(), i);
  }

  void Forward(const T* logits, std::int64_t count, Sinkhorn<T>& sinkhorn, T* out) const {
    for (std::int64_t l = 0; l < count; ++l)
      for (std::int64_t i = 0; i < gates(); ++i) {
        const T gate = Sigmoid(Scaled(logits + l * width(), i));
        out[l * width() + i] = i < streams ? gate + eps : 2 * gate;
      }
    Load(logits, count, sinkhorn);
    sinkhorn.Forward();
    for (std::int64_t l = 0; l < count; ++l)
      for (std::int64_t i = gates(); i < width(); ++i)
        out[l * width() + i] = sinkhorn.result()[(i - gates()) * kLanes + l];
  }

  // d: gradient of the result; dscaled: gradient of logit * scale + base.
  void Backward(const T* logits, const T* d, std::int64_t count, Sinkhorn<T>& sinkhorn,
                std::vector<T>& work, T* dscaled) const {
    for (std::int64_t l = 0; l < count; ++l)
      for (std::int64_t i = 0; i < gates(); ++i) {
        const T gate = Sigmoid(Scaled(logits + l * width(), i));
        dscaled[l * width() + i] =
            d[l * width() + i] * (i < streams ? T{1} : T{2}) * gate * (1 - gate);
      }
    Load(logits, count, sinkhorn);
    sinkhorn.Forward();
    for (std::int64_t i = gates(); i < width(); ++i)
      for (std::int64_t l = 0; l < kLanes; ++l)
        work[static_cast<std::size_t>((i - gates()) * kLanes + l)] =
            l < count ? d[l * width() + i] : T{0};
    sinkhorn.Backward(work.data());
    for (std::int64_t l = 0; l < count; ++l)
      for (std::int64_t i = gates(); i < width(); ++i)
        dscaled[l * width() + i] = work[static_cast<std::size_t>((i - gates()) * kLanes + l)];
  }
};

template <class T>
void MixForward(const Mixer<T>& mixer, const Tensor& logits, Tensor& out) {
  const T* in = logits.data_ptr<T>();
  T* result = out.data_ptr<T>();
  const std::int64_t width = mixer.width();
  ParallelRows(logits.size(0), 64 * width, [&](std::int64_t begin, std::int64_t end) {
    Sinkhorn<T> sinkhorn(mixer.streams, mixer.iterations, mixer.eps);
    for (std::int64_t t = begin; t < end; t += kLanes)
      mixer.Forward(in + t * width, std::min(kLanes, end - t), sinkhorn, result + t * width);
  });
}

template <class T>
void MixBackward(const Mixer<T>& mixer, const Tensor& logits, const Tensor& d, Tensor& dscaled) {
  const T *in = logits.data_ptr<T>(), *grad = d.data_ptr<T>();
  T* result = dscaled.data_ptr<T>();
  const std::int64_t width = mixer.width();
  ParallelRows(logits.size(0), 64 * width, [&](std::int64_t begin, std::int64_t end) {
    Sinkhorn<T> sinkhorn(mixer.streams, mixer.iterations, mixer.eps);
    std::vector<T> work(static_cast<std::size_t>(width * kLanes));
    for (std::int64_t t = begin; t < end; t += kLanes)
      mixer.Backward(in + t * width, grad + t * width, std::min(kLanes, end - t), sinkhorn, work,
                     result + t * width);
  });
}

struct HyperMixFunction : torch::autograd::Function<HyperMixFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& logits_in, const Tensor& scale,
                        const Tensor& base, std::int64_t streams, std::int64_t iterations,
                        double eps) {
    const Tensor logits = logits_in.contiguous();
    Tensor out = torch::empty_like(logits);
    AT_DISPATCH_FLOATING_TYPES(logits.scalar_type(), "HyperMix", [&] {
      MixForward<scalar_t>({streams, iterations, static_cast<scalar_t>(eps),
                            scale.data_ptr<scalar_t>(), base.data_ptr<scalar_t>()},
                           logits, out);
    });
    context->save_for_backward({logits, scale, base});
    context->saved_data["streams"] = streams;
    context->saved_data["iterations"] = iterations;
    context->saved_data["eps"] = eps;
    return out;
  }
  static variable_list backward(AutogradContext* context, const variable_list& d) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &logits = saved[0], &scale = saved[1], &base = saved[2];
    const std::int64_t n = context->saved_data["streams"].toInt();
    const std::int64_t iterations = context->saved_data["iterations"].toInt();
    const double eps = context->saved_data["eps"].toDouble();
    const Tensor grad = d[0].contiguous();
    Tensor dscaled = torch::empty_like(logits);
    AT_DISPATCH_FLOATING_TYPES(logits.scalar_type(), "HyperMix", [&] {
      MixBackward<scalar_t>({n, iterations, static_cast<scalar_t>(eps), scale.data_ptr<scalar_t>(),
                             base.data_ptr<scalar_t>()},
                            logits, grad, dscaled);
    });
    // Each logit's scale is one of three.
    const Tensor widths = torch::tensor({n, n, n * n}, torch::kLong);
    const Tensor scales = scale.repeat_interleave(widths);
    const std::vector<Tensor> parts = (dscaled * logits).sum(0).split_with_sizes({n, n, n * n}, 0);
    return {dscaled * scales, torch::stack({parts[0].sum(), parts[1].sum(), parts[2].sum()}),
            dscaled.sum(0),   Tensor(),
            Tensor(),         Tensor()};
  }
};

}  // namespace

Tensor HyperMix(const Tensor& logits, const Tensor& scale, const Tensor& base,
                const HyperMixOptions& options) {
  return HyperMixFunction::apply(logits, scale, base, options.streams, options.iterations,
                                 options.eps);
}

}  // namespace hadal::train
