#include "reference/compressor.h"

#include <algorithm>
#include <limits>

#include "reference/moe.h"

namespace hadal::reference {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

struct Candidate {
  double value, score;
};

double Pool(const std::vector<Candidate>& candidates) {
  double largest = kNever;
  for (const Candidate& c : candidates) largest = std::max(largest, c.score);
  double sum = 0, weighted = 0;
  for (const Candidate& c : candidates) {
    const double p = std::exp(c.score - largest);
    sum += p;
    weighted += p * c.value;
  }
  return weighted / sum;
}

// The candidates of block b for output channel d: HCA, one part; CSA, two parts of the channels.
std::vector<Candidate> Candidates(const Rows& kv, const Rows& score, std::size_t b, std::size_t d,
                                  std::size_t ratio, std::size_t width, const Rules& rules) {
  std::vector<Candidate> out;
  const bool halves = kv[0].size() == 2 * width;
  std::size_t previous = d, current = halves ? d + width : d;
  if (rules.swap_overlap_halves) std::swap(previous, current);
  for (std::size_t t = b * ratio; t < (b + 1) * ratio; ++t)
    out.push_back({kv[t][current], score[t][current]});
  if (!halves || !rules.overlap) return out;
  for (std::size_t r = 0; r < ratio; ++r) {
    if (b > 0) {
      const std::size_t t = (b - 1) * ratio + r;
      out.push_back({kv[t][previous], score[t][previous]});
    } else {
      out.push_back({0, rules.pad_first_block_with_zero ? 0 : kNever});
    }
  }
  return out;
}

std::size_t EntryPosition(std::size_t b, std::size_t ratio, const Rules& rules) {
  switch (rules.entry_position) {
    case Rules::EntryPosition::kFirst:
      return b * ratio;
    case Rules::EntryPosition::kLast:
      return b * ratio + ratio - 1;
    case Rules::EntryPosition::kBlockIndex:
      return b;
  }
  return 0;
}

// One indexer query: rotated heads and the weight of each.
struct IndexQuery {
  Rows heads;
  Row weights;
};

IndexQuery MakeQuery(const Indexer& w, const Row& x, const Row& latent, std::size_t position,
                     const Rope& rope, const Config& config, const Rules& rules,
                     const Rounding& round) {
  const std::size_t dim = config.index_dim;
  const Row q = Linear(w.wq_b, latent, round);
  IndexQuery out;
  for (std::size_t h = 0; h < config.index_heads; ++h) {
    Row head(q.begin() + static_cast<std::ptrdiff_t>(h * dim),
             q.begin() + static_cast<std::ptrdiff_t>((h + 1) * dim));
    if (rules.normalise_indexer_queries) HeadNorm(head.data(), dim, config.norm_eps, round);
    if (rules.rotate_indexer_queries) head = rope.Rotate(head, position, round);
    if (rules.hadamard) head = Hadamard(head, round);
    if (round.fp4_indexer) head = RoundFp4(head);
    out.heads.push_back(head);
  }
  out.weights = Linear(w.weights_proj, x, round);
  const double scale =
      1 / std::sqrt(static_cast<double>(dim)) / std::sqrt(static_cast<double>(config.index_heads));
  for (double& v : out.weights) v = round(v * scale);
  return out;
}

double Score(const IndexQuery& query, const Row& key, const Rules& rules, const Rounding& round) {
  double sum = 0;
  for (std::size_t h = 0; h < query.heads.size(); ++h) {
    double dot = 0;
    CountMacs(key.size());
    for (std::size_t d = 0; d < key.size(); ++d) dot += query.heads[h][d] * key[d];
    dot = round(dot);
    if (rules.indexer_relu) dot = std::max(dot, 0.0);
    sum += round(dot * query.weights[h]);
  }
  return round(sum);
}

}  // namespace

Rows CompressBlocks(const Compressor& w, std::size_t ratio, const Rows& x, const Rope& rope,
                    const Config& config, const Rules& rules, const Rounding& round) {
  Rows kv, score;
  for (std::size_t t = 0; t < x.size(); ++t) {
    kv.push_back(Product(w.wkv, x[t]));
    score.push_back(Product(w.wgate, x[t]));
    for (std::size_t d = 0; d < w.ape.cols; ++d)
      score[t][d] += static_cast<double>(w.ape.row(t % ratio)[d]);
  }
  const std::size_t width = w.norm.size();
  Rows entries;
  for (std::size_t b = 0; b < x.size() / ratio; ++b) {
    Row pooled(width);
    for (std::size_t d = 0; d < width; ++d)
      pooled[d] = round(Pool(Candidates(kv, score, b, d, ratio, width, rules)));
    const Row normed = RmsNorm(pooled, w.norm, config.norm_eps, round);
    entries.push_back(rope.Rotate(normed, EntryPosition(b, ratio, rules), round));
  }
  return entries;
}

std::size_t VisibleBlocks(std::size_t p, std::size_t ratio, const Rules& rules) {
  const std::size_t delay = ratio == 4 ? rules.csa_delay : rules.hca_delay;
  return p + 1 < delay ? 0 : (p + 1 - delay) / ratio;
}

std::vector<Selection> SelectEntries(const Indexer& w, const Rows& x, const Rows& query_latents,
                                     const Rope& rope, const Config& config, const Rules& rules,
                                     const Rounding& round) {
  Rows keys = CompressBlocks(w.compressor, 4, x, rope, config, rules, round);
  for (Row& key : keys) {
    if (rules.hadamard) key = Hadamard(key, round);
    if (round.fp4_indexer) key = RoundFp4(key);
  }
  std::vector<Selection> out(x.size());
  for (std::size_t p = 0; p < x.size(); ++p) {
    const std::size_t visible = VisibleBlocks(p, 4, rules);
    const std::size_t wanted = rules.indexer_selects ? config.index_topk : visible;
    const IndexQuery query = MakeQuery(w, x[p], query_latents[p], p, rope, config, rules, round);
    Row scores(visible);
    for (std::size_t b = 0; b < visible; ++b) scores[b] = Score(query, keys[b], rules, round);
    out[p].entries = LargestK(scores, wanted);
    if (visible > wanted) out[p].margin = SelectionMargin(scores, wanted);
  }
  return out;
}

}  // namespace hadal::reference
