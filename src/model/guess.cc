#include "model/guess.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <vector>

#include "model/expert_runner.h"
#include "model/moe.h"

namespace hadal::model {
namespace {

// From so many choices for each expert on, hardly one is chosen by nobody: (1 - 1/n)^(3 n) = 5 %.
constexpr std::size_t kChoicesOfMany = 3;

// The experts that are chosen, by most rows first.
std::vector<std::uint32_t> ByChoices(std::span<const std::uint32_t> chosen, std::size_t experts) {
  std::vector<std::uint32_t> choices(experts), order(experts);
  for (const std::uint32_t expert : chosen) ++choices[expert];
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, std::greater{}, [&](std::uint32_t e) { return choices[e]; });
  std::erase_if(order, [&](std::uint32_t e) { return choices[e] == 0; });
  return order;
}

std::vector<std::uint32_t> All(std::size_t experts) {
  std::vector<std::uint32_t> all(experts);
  std::iota(all.begin(), all.end(), 0u);
  return all;
}

}  // namespace

void GuessByTokens(const Pass& pass, const Model& model) {
  for (std::size_t l = 0; l < model.layers.size(); ++l) {
    const auto experts = ExpertsByToken(pass.config, model.layers[l].ffn, pass.batch.tokens);
    if (!experts.empty()) pass.experts->Guess(l, experts);
  }
}

void GuessNextLayer(const Pass& pass, const Architecture& architecture, const Model& model,
                    std::size_t layer, View2<const float> streams, Arena& arena) {
  if (layer + 1 >= model.layers.size()) return;
  const Layer& next = model.layers[layer + 1];
  const Moe& moe = next.ffn;
  if (moe.experts.empty() || !moe.tid2eid.empty()) return;
  const std::size_t choices = streams.rows() * pass.config.num_experts_per_tok;
  if (choices >= kChoicesOfMany * moe.experts.size())
    return pass.experts->Guess(layer + 1, All(moe.experts.size()));
  Arena::Scope scope(arena);
  const View2<const float> x = architecture.router_input(pass, next, streams, scope);
  Pass unwatched = pass;  // what a guess finds, nobody has asked for
  unwatched.observer = nullptr;
  const Routes routes = ChooseExperts(unwatched, layer + 1, moe, x, scope);
  pass.experts->Guess(layer + 1, ByChoices({routes.experts.data(), choices}, moe.experts.size()));
}

}  // namespace hadal::model
