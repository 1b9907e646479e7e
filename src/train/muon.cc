#include "train/muon.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/check.h"
#include "train/plain.h"
#include "train/simd.h"

namespace hadal::train {
namespace {

struct Coefficients {
  double a, b, c;
};
Coefficients CoefficientsOf(std::size_t step, const NewtonSchulzSteps& steps) {
  constexpr Coefficients kFast{3.4445, -4.7750, 2.0315}, kSettle{2, -1.5, 0.5};
  return step + steps.settling < steps.count ? kFast : kSettle;
}

template <class T>
HADAL_TARGET_CLONES void Normalise(T* x, std::int64_t count) {
  const T factor = 1 / Max(std::sqrt(Dot(x, x, count)), static_cast<T>(1e-30));
  for (std::int64_t i = 0; i < count; ++i) x[i] *= factor;
}

// The iterations on one matrix at a time, which then stays in the second cache.
template <class T>
class NewtonSchulz {
 public:
  NewtonSchulz(const NewtonSchulzSteps& steps, Products products)
      : steps_(steps), products_(products) {}

  // x [n, m], in place.
  void Run(T* x, std::int64_t n, std::int64_t m) {
    const std::int64_t side = std::min(n, m);
    gram_.resize(static_cast<std::size_t>(side * side));
    poly_.resize(gram_.size());
    other_.resize(static_cast<std::size_t>(n * m));
    Normalise(x, n * m);
    T *from = x, *to = other_.data();
    for (std::size_t step = 0; step < steps_.count; ++step, std::swap(from, to))
      Step(CoefficientsOf(step, steps_), Dense<T>(from, n, m), to);
    if (from != x) std::copy_n(from, n * m, x);
  }

 private:
  // The product XX' is of the smaller side; of a tall X it is X'X, applied from the right.
  void Step(const Coefficients& k, const Matrix<T>& x, T* y) {
    const bool tall = x.rows > x.cols;
    const std::int64_t side = std::min(x.rows, x.cols);
    Symmetric(tall ? x.Turned() : x, tall ? x : x.Turned(), gram_.data(), nullptr, 1, 0);
    const Matrix<T> gram = Dense<T>(gram_.data(), side, side);
    Symmetric(gram.Turned(), gram, poly_.data(), gram_.data(), k.c, k.b);
    const Matrix<T> poly = Dense<T>(poly_.data(), side, side);
    Multiply(Product<T>{tall ? x : poly, tall ? poly : x, y, x.cols, x.data, x.cols, 1,
                        static_cast<T>(k.a)},
             products_);
  }

  // c = alpha * a b + beta * d, known to be symmetric; faster if b is a turned.
  void Symmetric(const Matrix<T>& a, const Matrix<T>& b, T* c, const T* d, double alpha,
                 double beta) const {
    Multiply(Product<T>{a, b, c, a.rows, d, a.rows, static_cast<T>(alpha), static_cast<T>(beta),
                        /*symmetric=*/true},
             products_);
  }

  NewtonSchulzSteps steps_;
  Products products_;
  std::vector<T> gram_, poly_, other_;
};

// g is factor * gradient: momentum = mu * momentum + g;  out = mu * momentum + g
template <class T>
HADAL_TARGET_CLONES void Nesterov(const T* gradient, std::int64_t count, T factor, T mu,
                                  T* momentum, T* out) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const T g = factor * gradient[i];
    momentum[i] = mu * momentum[i] + g;
    out[i] = mu * momentum[i] + g;
  }
}

// w = keep * w - step * o
template <class T>
HADAL_TARGET_CLONES void Apply(const T* o, std::int64_t count, T keep, T step, T* w) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) w[i] = keep * w[i] - step * o[i];
}

}  // namespace

torch::Tensor plain::HybridNewtonSchulz(const torch::Tensor& matrices,
                                        const NewtonSchulzSteps& steps, Products products) {
  const bool tall = matrices.size(1) > matrices.size(2);
  torch::Tensor x = tall ? matrices.transpose(1, 2) : matrices;
  x = x / x.square().sum({1, 2}, true).sqrt().clamp_min(1e-30);
  for (std::size_t step = 0; step < steps.count; ++step) {
    const Coefficients k = CoefficientsOf(step, steps);
    const torch::Tensor gram = MatMul(x, x.transpose(1, 2), products);
    x = k.a * x + MatMul(k.b * gram + k.c * MatMul(gram, gram, products), x, products);
  }
  return tall ? x.transpose(1, 2) : x;
}

torch::Tensor HybridNewtonSchulz(const torch::Tensor& matrices, const NewtonSchulzSteps& steps,
                                 Products products) {
  HADAL_CHECK(matrices.dim() == 3);
  if (!HasKernels(matrices)) return plain::HybridNewtonSchulz(matrices, steps, products);
  torch::Tensor result = matrices.contiguous().clone();
  const std::int64_t n = result.size(1), m = result.size(2);
  AT_DISPATCH_FLOATING_TYPES(result.scalar_type(), "HybridNewtonSchulz", [&] {
    NewtonSchulz<scalar_t> iterations(steps, products);
    for (std::int64_t i = 0; i < result.size(0); ++i)
      iterations.Run(result.data_ptr<scalar_t>() + i * n * m, n, m);
  });
  return result;
}

Muon::Muon(std::vector<MuonParameter> parameters, MuonOptions options) : options_(options) {
  for (MuonParameter& parameter : parameters) {
    const std::int64_t cols = parameter.value.size(-1);
    const std::int64_t all_rows = parameter.value.numel() / cols;
    HADAL_CHECK(parameter.blocks >= 1 && all_rows % parameter.blocks == 0);
    const std::int64_t rows = all_rows / parameter.blocks;
    torch::Tensor momentum = torch::zeros_like(parameter.value).detach();
    entries_.push_back({std::move(parameter), std::move(momentum), rows, cols});
  }
}

Status Muon::Step(StepSize size, Workers& workers) {
  if (!entries_.empty() && !HasKernels(entries_.front().momentum)) {
    for (Entry& entry : entries_) StepPlainly(entry, size);
    return Unit{};
  }
  std::vector<Job> jobs;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (!entries_[i].parameter.value.grad().defined()) continue;
    for (std::int64_t block = 0; block < entries_[i].parameter.blocks; ++block)
      jobs.push_back({i, block});
  }
  // Matrices differ in size and workers in speed: whoever is free takes the next part.
  const std::size_t parts = std::min(jobs.size(), 8 * workers.count());
  return workers.Run(parts, [&](std::size_t part) -> Status {
    const auto at = [&](std::size_t p) {
      return jobs.begin() + static_cast<std::ptrdiff_t>(jobs.size() * p / parts);
    };
    StepMatrices({at(part), at(part + 1)}, size);
    return Unit{};
  });
}

double Muon::ScaleOf(const Entry& entry) const {
  return std::sqrt(static_cast<double>(std::max(entry.rows, entry.cols))) * options_.gamma;
}

void Muon::StepPlainly(Entry& entry, StepSize size) {
  const torch::NoGradGuard no_grad;
  torch::Tensor& value = entry.parameter.value;
  if (!value.grad().defined()) return;
  const torch::Tensor g = value.grad() * size.gradient_factor;
  entry.momentum.mul_(options_.momentum).add_(g);
  const torch::Tensor matrices = (options_.momentum * entry.momentum + g)
                                     .view({entry.parameter.blocks, entry.rows, entry.cols});
  const torch::Tensor o =
      plain::HybridNewtonSchulz(matrices, options_.newton_schulz, options_.products);
  value.mul_(1 - size.lr * options_.weight_decay)
      .sub_(o.reshape(value.sizes()), size.lr * ScaleOf(entry));
}

void Muon::StepMatrices(std::span<const Job> jobs, StepSize size) {
  const torch::NoGradGuard no_grad;
  AT_DISPATCH_FLOATING_TYPES(entries_.front().momentum.scalar_type(), "Muon", [&] {
    NewtonSchulz<scalar_t> iterations(options_.newton_schulz, options_.products);
    std::vector<scalar_t> update;
    for (const Job& job : jobs) {
      Entry& entry = entries_[job.entry];
      const torch::Tensor gradient = entry.parameter.value.grad().contiguous();
      const std::int64_t count = entry.rows * entry.cols, at = job.block * count;
      update.resize(static_cast<std::size_t>(count));
      Nesterov(gradient.data_ptr<scalar_t>() + at, count,
               static_cast<scalar_t>(size.gradient_factor),
               static_cast<scalar_t>(options_.momentum), entry.momentum.data_ptr<scalar_t>() + at,
               update.data());
      iterations.Run(update.data(), entry.rows, entry.cols);
      Apply(update.data(), count, static_cast<scalar_t>(1 - size.lr * options_.weight_decay),
            static_cast<scalar_t>(size.lr * ScaleOf(entry)),
            entry.parameter.value.data_ptr<scalar_t>() + at);
    }
  });
}

std::vector<std::pair<std::string, torch::Tensor>> Muon::State() const {
  std::vector<std::pair<std::string, torch::Tensor>> state;
  for (const Entry& entry : entries_) state.emplace_back(entry.parameter.name, entry.momentum);
  return state;
}

}  // namespace hadal::train
