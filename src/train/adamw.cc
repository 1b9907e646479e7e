#include "train/adamw.h"

#include <cmath>

namespace hadal::train {

AdamW::AdamW(std::vector<std::pair<std::string, torch::Tensor>> parameters, AdamWOptions options)
    : options_(options) {
  for (auto& [name, value] : parameters) {
    torch::Tensor m = torch::zeros_like(value).detach(), v = torch::zeros_like(value).detach();
    entries_.push_back({name, value, std::move(m), std::move(v)});
  }
  steps_ = torch::zeros({static_cast<std::int64_t>(entries_.size())}, torch::kInt64);
}

void AdamW::Step(double lr) {
  const torch::NoGradGuard no_grad;
  auto* const steps = steps_.data_ptr<std::int64_t>();
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    const torch::Tensor gradient = entry.value.grad();
    if (!gradient.defined()) continue;
    const auto t = static_cast<double>(++steps[i]);
    const double bias1 = 1 - std::pow(options_.beta1, t), bias2 = 1 - std::pow(options_.beta2, t);
    entry.m.mul_(options_.beta1).add_(gradient, 1 - options_.beta1);
    entry.v.mul_(options_.beta2).addcmul_(gradient, gradient, 1 - options_.beta2);
    const torch::Tensor denominator = (entry.v / bias2).sqrt_().add_(options_.eps);
    entry.value.mul_(1 - lr * options_.weight_decay).addcdiv_(entry.m, denominator, -lr / bias1);
  }
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
