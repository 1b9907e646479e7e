#include "train/muon.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "train/simd.h"

namespace hadal::train {
namespace {

struct Coefficients {
  double a, b, c;
};
Coefficients CoefficientsOf(std::size_t step, std::size_t steps) {
  constexpr Coefficients kFast{3.4445, -4.7750, 2.0315}, kSettle{2, -1.5, 0.5};
  return step + 2 < steps ? kFast : kSettle;
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
  NewtonSchulz(std::int64_t n, std::int64_t m, Products products)
      : n_(n), m_(m), side_(std::min(n, m)), products_(products) {
    gram_.resize(static_cast<std::size_t>(side_ * side_));
    poly_.resize(gram_.size());
    other_.resize(static_cast<std::size_t>(n * m));
  }

  // x [n, m], in place.
  void Run(T* x, std::size_t steps) {
    Normalise(x, n_ * m_);
    T *from = x, *to = other_.data();
    for (std::size_t step = 0; step < steps; ++step, std::swap(from, to))
      Step(CoefficientsOf(step, steps), from, to);
    if (from != x) std::copy_n(from, n_ * m_, x);
  }

 private:
  // The product XX' is of the smaller side; of a tall X it is X'X, applied from the right.
  void Step(const Coefficients& k, const T* x, T* y) {
    const Matrix<T> all = Dense(x, n_, m_);
    const bool tall = n_ > m_;
    Symmetric(tall ? all.Turned() : all, tall ? all : all.Turned(), gram_.data(), nullptr, 1, 0);
    const Matrix<T> gram = Dense<T>(gram_.data(), side_, side_);
    Symmetric(gram, gram, poly_.data(), gram_.data(), k.c, k.b);
    const Matrix<T> poly = Dense<T>(poly_.data(), side_, side_);
    Multiply(Product<T>{tall ? all : poly, tall ? poly : all, y, m_, x, m_, 1, static_cast<T>(k.a)},
             products_);
  }

  void Symmetric(const Matrix<T>& a, const Matrix<T>& b, T* c, const T* d, double alpha,
                 double beta) const {
    Multiply(Product<T>{a, b, c, side_, d, side_, static_cast<T>(alpha), static_cast<T>(beta),
                        /*symmetric=*/true},
             products_);
  }

  std::int64_t n_, m_, side_;
  Products products_;
  std::vector<T> gram_, poly_, other_;
};

}  // namespace

torch::Tensor HybridNewtonSchulz(const torch::Tensor& matrices, std::size_t steps,
                                 Products products) {
  HADAL_CHECK(matrices.dim() == 3);
  torch::Tensor result = matrices.contiguous().clone();
  AT_DISPATCH_FLOATING_TYPES(result.scalar_type(), "HybridNewtonSchulz", [&] {
    NewtonSchulz<scalar_t> room(result.size(1), result.size(2), products);
    auto* x = result.data_ptr<scalar_t>();
    for (std::int64_t i = 0; i < result.size(0); ++i)
      room.Run(x + i * result.size(1) * result.size(2), steps);
  });
  return result;
}

Muon::Muon(std::vector<MuonParameter> parameters, MuonOptions options) : options_(options) {
  std::map<std::pair<std::int64_t, std::int64_t>, Group> by_shape;
  for (MuonParameter& parameter : parameters) {
    const std::int64_t cols = parameter.value.size(-1);
    const std::int64_t all_rows = parameter.value.numel() / cols;
    HADAL_CHECK(parameter.blocks >= 1 && all_rows % parameter.blocks == 0);
    const std::int64_t rows = all_rows / parameter.blocks;
    by_shape[{rows, cols}].push_back(entries_.size());
    torch::Tensor momentum = torch::zeros_like(parameter.value).detach();
    entries_.push_back({std::move(parameter), std::move(momentum), rows, cols});
  }
  for (auto& [shape, group] : by_shape) groups_.push_back(std::move(group));
}

Status Muon::Step(double lr, Workers& workers) {
  for (const Group& group : groups_) HADAL_TRY_STATUS(StepGroup(group, lr, workers));
  return Unit{};
}

Status Muon::StepGroup(const Group& group, double lr, Workers& workers) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> nesterov;
  std::vector<std::size_t> present;
  for (const std::size_t index : group) {
    Entry& entry = entries_[index];
    const torch::Tensor gradient = entry.parameter.value.grad();
    if (!gradient.defined()) continue;
    entry.momentum.mul_(options_.momentum).add_(gradient);
    nesterov.push_back((entry.momentum * options_.momentum)
                           .add_(gradient)
                           .view({entry.parameter.blocks, entry.rows, entry.cols}));
    present.push_back(index);
  }
  if (present.empty()) return Unit{};

  const torch::Tensor input = torch::cat(nesterov);
  nesterov.clear();
  torch::Tensor update = torch::empty_like(input);
  const auto matrices = static_cast<std::size_t>(input.size(0));
  const std::size_t parts = std::min(matrices, workers.count());
  HADAL_TRY_STATUS(workers.Run(parts, [&](std::size_t part) -> Status {
    const torch::NoGradGuard no_grad_here;
    const auto begin = static_cast<std::int64_t>(matrices * part / parts);
    const auto end = static_cast<std::int64_t>(matrices * (part + 1) / parts);
    update.slice(0, begin, end)
        .copy_(HybridNewtonSchulz(input.slice(0, begin, end), options_.newton_schulz_steps,
                                  options_.products));
    return Unit{};
  }));

  std::int64_t at = 0;
  for (const std::size_t index : present) {
    Entry& entry = entries_[index];
    const double scale =
        std::sqrt(static_cast<double>(std::max(entry.rows, entry.cols))) * options_.gamma;
    torch::Tensor& value = entry.parameter.value;
    const torch::Tensor mine = update.slice(0, at, at + entry.parameter.blocks).view(value.sizes());
    value.mul_(1 - lr * options_.weight_decay).add_(mine, -lr * scale);
    at += entry.parameter.blocks;
  }
  return Unit{};
}

std::vector<std::pair<std::string, torch::Tensor>> Muon::State() const {
  std::vector<std::pair<std::string, torch::Tensor>> state;
  for (const Entry& entry : entries_) state.emplace_back(entry.parameter.name, entry.momentum);
  return state;
}

}  // namespace hadal::train
