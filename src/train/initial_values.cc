#include "train/initial_values.h"

#include <numeric>
#include <vector>

#include "base/check.h"
#include "base/random.h"

namespace hadal::train {
namespace {

torch::Tensor Normal(const std::vector<std::int64_t>& shape, std::uint64_t seed,
                     std::uint64_t place, double std) {
  torch::Tensor values = torch::empty(shape, torch::kFloat);
  float* out = values.data_ptr<float>();
  Random random(seed, place);
  for (std::int64_t i = 0; i < values.numel(); ++i)
    out[i] = static_cast<float>(std * random.Normal());
  return values;
}

struct Levels {
  float closed, open, post;
};

// [pre, post, comb row-major], see initial_values.h.
torch::Tensor HyperBase(std::int64_t mixes, std::int64_t sublayer, const Levels& levels) {
  std::int64_t streams = 1;
  while ((2 + streams) * streams < mixes) ++streams;
  torch::Tensor base = torch::full({mixes}, levels.closed);
  base.slice(0, streams, 2 * streams).fill_(levels.post);
  base[sublayer % streams] = levels.open;
  for (std::int64_t j = 0; j < streams; ++j) base[2 * streams + j * streams + j] = levels.open;
  return base;
}

}  // namespace

torch::Tensor HashTable(std::int64_t vocab, std::int64_t chosen, std::int64_t experts,
                        std::int64_t layer) {
  HADAL_CHECK(chosen >= 1 && chosen <= experts);
  const std::int64_t run = experts / chosen;
  torch::Tensor table = torch::empty({vocab, chosen}, torch::kLong);
  std::int64_t* out = table.data_ptr<std::int64_t>();
  std::vector<std::int64_t> order(static_cast<std::size_t>(experts));
  for (std::int64_t token = 0; token < vocab; ++token) {
    if (token % run == 0) {
      std::iota(order.begin(), order.end(), std::int64_t{0});
      constexpr std::uint64_t kTableSeed = 0x7469643265696421;
      Random random(kTableSeed + static_cast<std::uint64_t>(layer),
                    static_cast<std::uint64_t>(token / run));
      for (std::size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1], order[random.Below(i)]);
    }
    for (std::int64_t j = 0; j < chosen; ++j)
      out[token * chosen + j] = order[static_cast<std::size_t>(token % run * chosen + j)];
  }
  return table;
}

torch::Tensor StartingValues(const ParameterSpec& spec, const arch::Config& config, double init_std,
                             std::uint64_t seed, std::uint64_t place) {
  switch (spec.start) {
    case Start::kNormal:
      return Normal(spec.shape, seed, place, init_std);
    case Start::kZeros:
      return torch::zeros(spec.shape, torch::kFloat);
    case Start::kOnes:
      return torch::ones(spec.shape, torch::kFloat);
    case Start::kHyperScale:
      return torch::full(spec.shape, 0.01f);
    case Start::kHyperBase:
      return HyperBase(spec.shape[0], spec.sublayer, {-3, 3, 0});
    case Start::kHyperFree:
      return HyperBase(spec.shape[0], spec.sublayer, {0, 1, 1});
    case Start::kHashTable:
      return HashTable(spec.shape[0], spec.shape[1],
                       static_cast<std::int64_t>(config.n_routed_experts), spec.sublayer / 2);
  }
  HADAL_CHECK(false);
}

}  // namespace hadal::train
