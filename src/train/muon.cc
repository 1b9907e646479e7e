#include "train/muon.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace hadal::train {

torch::Tensor HybridNewtonSchulz(const torch::Tensor& matrices, std::size_t steps,
                                 Products products) {
  struct Coefficients {
    double a, b, c;
  };
  constexpr Coefficients kFast{3.4445, -4.7750, 2.0315}, kSettle{2, -1.5, 0.5};
  HADAL_CHECK(matrices.dim() == 3);
  const bool tall = matrices.size(1) > matrices.size(2);  // the product XX' is of the smaller side
  torch::Tensor x = tall ? matrices.transpose(1, 2).contiguous() : matrices;
  const torch::Tensor norm = x.flatten(1).norm(2, 1).view({-1, 1, 1});
  x = x / norm.clamp_min(1e-30);
  if (products == Products::kBf16) x = x.to(torch::kBFloat16);
  for (std::size_t step = 0; step < steps; ++step) {
    const Coefficients k = step + 2 < steps ? kFast : kSettle;
    const torch::Tensor gram = torch::bmm(x, x.transpose(1, 2));
    const torch::Tensor poly = torch::baddbmm(gram, gram, gram, k.b, k.c);
    x = torch::baddbmm(x, poly, x, k.a, 1);
  }
  x = x.to(matrices.scalar_type());
  return tall ? x.transpose(1, 2) : x;
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
