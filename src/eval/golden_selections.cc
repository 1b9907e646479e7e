#include "eval/golden_selections.h"

#include <algorithm>
#include <cmath>

#include "arch/layer_kind.h"

namespace hadal::eval {
namespace {

// Between equal scores the choice is free; margins are in standard deviations of the scores.
constexpr float kTie = 1e-6f;

struct Expected {
  std::uint32_t id;
  float weight;
};

// Row (layer, position) of a [layers, positions, width] array.
template <class T>
std::span<const T> RowOf(const GoldenArray<T>& array, std::size_t layer, std::size_t position) {
  const std::size_t width = array.shape[2];
  return std::span<const T>(array.values)
      .subspan((layer * array.shape[1] + position) * width, width);
}

std::size_t CountCommon(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b) {
  std::size_t common = 0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j])
      ++common, ++i, ++j;
    else if (a[i] < b[j])
      ++i;
    else
      ++j;
  }
  return common;
}

// Adds up rows.
class Tally {
 public:
  // Both ascending. Returns whether they are equal.
  bool Add(std::span<const std::uint32_t> got, std::span<const std::uint32_t> want, bool tie) {
    const bool equal = std::ranges::equal(got, want);
    ++figures.rows;
    figures.same += equal || tie ? 1 : 0;
    expected_ += want.size();
    common_ += CountCommon(got, want);
    return equal;
  }
  SelectionFigures Finish() {
    if (expected_ > 0)
      figures.entries_in_common = static_cast<double>(common_) / static_cast<double>(expected_);
    return std::move(figures);
  }
  SelectionFigures figures;

 private:
  std::size_t expected_ = 0, common_ = 0;
};

double WeightError(std::span<const float> got, const std::vector<Expected>& want) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double w = want[i].weight, d = static_cast<double>(got[i]) - w;
    difference += d * d;
    norm += w * w;
  }
  return difference == 0 ? 0 : std::sqrt(difference / norm);
}

bool IsTie(const GoldenArray<float>& margin, std::size_t row, std::size_t position) {
  return !margin.empty() && margin.values[row * margin.shape[1] + position] < kTie;
}

// Tokens an entry of the layers with an indexer: of all the same.
std::size_t RatioOfIndexed(const arch::Config& config) {
  for (std::size_t l = 0; l < config.num_hidden_layers; ++l)
    if (const arch::LayerKind kind = arch::LayerKindOf(config, l); kind.indexed) return kind.ratio;
  return 1;
}

}  // namespace

SelectionFigures CompareExperts(const arch::Config& config, const GoldenCase& golden,
                                const GoldenVariant& want, const GoldenRun& got) {
  Tally tally;
  const std::size_t prompt = golden.prompt.size(), all = prompt + golden.next.size();
  const std::size_t k = config.num_experts_per_tok;
  const std::vector<std::size_t>& positions = golden.selection_positions;
  const auto add = [&](std::size_t layer, std::size_t at, std::span<const std::int64_t> ids,
                       std::span<const float> weights, bool tie) {
    std::vector<Expected> expected;
    for (std::size_t i = 0; i < k; ++i)
      expected.push_back({static_cast<std::uint32_t>(ids[i]), weights.empty() ? 0 : weights[i]});
    std::ranges::sort(expected, {}, &Expected::id);
    std::vector<std::uint32_t> sorted;
    sorted.reserve(k);
    for (const Expected& e : expected) sorted.push_back(e.id);
    const std::size_t begin = (layer * all + at) * k;
    const bool equal =
        tally.Add(std::span<const std::uint32_t>(got.gate_ids).subspan(begin, k), sorted, tie);
    if (equal && !weights.empty())
      tally.figures.weight_errors.push_back(
          WeightError(std::span<const float>(got.gate_weights).subspan(begin, k), expected));
  };
  std::size_t routed = 0, scored = 0;  // layers with experts so far, and those not by a table
  for (std::size_t l = 0; l < config.num_hidden_layers; ++l) {
    const arch::LayerKind kind = arch::LayerKindOf(config, l);
    if (kind.dense) continue;
    for (std::size_t i = 0; i < positions.size() && !want.gate_ids.empty(); ++i)
      add(l, positions[i], RowOf(want.gate_ids, routed, i),
          want.gate_weights.empty() ? std::span<const float>{}
                                    : RowOf(want.gate_weights, routed, i),
          !kind.hashed && IsTie(want.gate_margin, scored, i));
    for (std::size_t t = 0; t < golden.next.size() && !want.decode_gate_ids.empty(); ++t)
      add(l, prompt + t, RowOf(want.decode_gate_ids, routed, t), {}, false);
    ++routed;
    if (!kind.hashed) ++scored;
  }
  return tally.Finish();
}

SelectionFigures CompareEntries(const arch::Config& config, const GoldenCase& golden,
                                const GoldenVariant& want, const GoldenRun& got) {
  Tally tally;
  const std::size_t prompt = golden.prompt.size(), all = prompt + golden.next.size();
  const std::size_t ratio = RatioOfIndexed(config);
  const std::vector<std::size_t>& positions = golden.selection_positions;
  const auto add = [&](std::size_t layer, std::size_t at, std::span<const std::int64_t> ids,
                       bool tie) {
    if ((at + 1) / ratio <= config.index_topk) return;  // everything visible is chosen
    std::vector<std::uint32_t> expected;
    for (const std::int64_t id : ids)
      if (id >= 0) expected.push_back(static_cast<std::uint32_t>(id));
    std::ranges::sort(expected);
    tally.Add(got.selections[layer * all + at], expected, tie);
  };
  const std::size_t layers = got.selections.size() / all;
  for (std::size_t c = 0; c < layers; ++c) {
    for (std::size_t i = 0; i < positions.size() && !want.indexer_topk.empty(); ++i)
      add(c, positions[i], RowOf(want.indexer_topk, c, i), IsTie(want.indexer_margin, c, i));
    for (std::size_t t = 0; t < golden.next.size() && !want.decode_indexer_topk.empty(); ++t)
      add(c, prompt + t, RowOf(want.decode_indexer_topk, c, t), false);
  }
  return tally.Finish();
}

}  // namespace hadal::eval
