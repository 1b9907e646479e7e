#include "train/adamw.h"

#include <cmath>

#include "train/plain.h"
#include "train/simd.h"

namespace hadal::train {
namespace {

template <class T>
struct Factors {
  T beta1, beta2, eps, unbias2, gradient, keep, step;
};

template <class T>
HADAL_TARGET_CLONES void Update(const Factors<T>& f, const T* g, std::int64_t count, T* m, T* v,
                                T* w) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const T slope = f.gradient * g[i];
    m[i] = f.beta1 * m[i] + (1 - f.beta1) * slope;
    v[i] = f.beta2 * v[i] + (1 - f.beta2) * slope * slope;
    w[i] = f.keep * w[i] - f.step * m[i] / (std::sqrt(v[i] * f.unbias2) + f.eps);
  }
}

}  // namespace

AdamW::AdamW(std::vector<std::pair<std::string, torch::Tensor>> parameters, AdamWOptions options)
    : options_(options) {
  for (auto& [name, value] : parameters) {
    torch::Tensor m = torch::zeros_like(value).detach(), v = torch::zeros_like(value).detach();
    entries_.push_back({name, value, std::move(m), std::move(v)});
  }
  steps_ = torch::zeros({static_cast<std::int64_t>(entries_.size())}, torch::kInt64);
}

Status AdamW::Step(StepSize size, Workers& workers) {
  auto* const steps = steps_.data_ptr<std::int64_t>();
  return workers.Run(entries_.size(), [&](std::size_t i) -> Status {
    const torch::NoGradGuard no_grad;
    Entry& entry = entries_[i];
    if (!entry.value.grad().defined()) return Unit{};
    const auto t = static_cast<double>(++steps[i]);
    if (!HasKernels(entry.value)) {
      StepPlainly(entry, t, size);
      return Unit{};
    }
    const torch::Tensor gradient = entry.value.grad().contiguous();
    const double bias1 = 1 - std::pow(options_.beta1, t), bias2 = 1 - std::pow(options_.beta2, t);
    AT_DISPATCH_FLOATING_TYPES(gradient.scalar_type(), "AdamW", [&] {
      const Factors<scalar_t> factors{static_cast<scalar_t>(options_.beta1),
                                      static_cast<scalar_t>(options_.beta2),
                                      static_cast<scalar_t>(options_.eps),
                                      static_cast<scalar_t>(1 / bias2),
                                      static_cast<scalar_t>(size.gradient_factor),
                                      static_cast<scalar_t>(1 - size.lr * options_.weight_decay),
                                      static_cast<scalar_t>(size.lr / bias1)};
      Update(factors, gradient.data_ptr<scalar_t>(), gradient.numel(), entry.m.data_ptr<scalar_t>(),
             entry.v.data_ptr<scalar_t>(), entry.value.data_ptr<scalar_t>());
    });
    return Unit{};
  });
}

void AdamW::StepPlainly(Entry& entry, double steps, StepSize size) const {
  const AdamWOptions& o = options_;
  const torch::Tensor g = entry.value.grad() * size.gradient_factor;
  entry.m.mul_(o.beta1).add_(g, 1 - o.beta1);
  entry.v.mul_(o.beta2).addcmul_(g, g, 1 - o.beta2);
  const torch::Tensor mean = entry.m / (1 - std::pow(o.beta1, steps)),
                      square = entry.v / (1 - std::pow(o.beta2, steps));
  entry.value.mul_(1 - size.lr * o.weight_decay).addcdiv_(mean, square.sqrt() + o.eps, -size.lr);
}

std::vector<std::pair<std::string, torch::Tensor>> AdamW::State() const {
  std::vector<std::pair<std::string, torch::Tensor>> state;
  for (const Entry& entry : entries_) {
    state.emplace_back("m." + entry.name, entry.m);
    state.emplace_back("v." + entry.name, entry.v);
  }
  state.emplace_back("steps", steps_);
  return state;
}

}  // namespace hadal::train
