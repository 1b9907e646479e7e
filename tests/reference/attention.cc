#include "reference/attention.h"

#include <algorithm>
#include <numeric>

namespace hadal::reference {
namespace {

Row StoreEntry(Row kv, const Config& c, const Rounding& round) {
  if (!round.fp8_kv) return kv;
  return RoundFp8(std::move(kv), 0, c.head_dim - c.rope_dim, 64);
}

// One head's softmax over the keys and its sink.
void AttendHead(const double* q, double sink, const std::vector<const Row*>& keys, const Config& c,
                double* out) {
  CountMacs(2 * keys.size() * c.head_dim);  // logits, then values
  const double scale = 1 / std::sqrt(static_cast<double>(c.head_dim));
  Row logits;
  double largest = sink;
  for (const Row* key : keys) {
    logits.push_back(scale * std::inner_product(q, q + c.head_dim, key->begin(), 0.0));
    largest = std::max(largest, logits.back());
  }
  double sum = std::exp(sink - largest);
  std::fill(out, out + c.head_dim, 0.0);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const double p = std::exp(logits[i] - largest);
    sum += p;
    for (std::size_t d = 0; d < c.head_dim; ++d) out[d] += p * (*keys[i])[d];
  }
  for (std::size_t d = 0; d < c.head_dim; ++d) out[d] /= sum;
}

// Groups of consecutive heads, each through its own rows of wo_a; then wo_b.
Row ProjectOutput(const Attention& w, const Row& o, const Config& c, const Rules& rules,
                  const Rounding& round) {
  const std::size_t rank = w.wo_a.rows / c.o_groups, heads = c.heads / c.o_groups;
  Row low(w.wo_a.rows);
  for (std::size_t g = 0; g < c.o_groups; ++g) {
    Row in;
    for (std::size_t i = 0; i < heads; ++i) {
      const std::size_t h = rules.interleave_output_groups ? i * c.o_groups + g : g * heads + i;
      in.insert(in.end(), o.begin() + static_cast<std::ptrdiff_t>(h * c.head_dim),
                o.begin() + static_cast<std::ptrdiff_t>((h + 1) * c.head_dim));
    }
    for (std::size_t r = 0; r < rank; ++r)
      low[g * rank + r] = round(Dot(w.wo_a.row(g * rank + r), in.data(), in.size()));
  }
  return Linear(w.wo_b, low, round);
}

}  // namespace

AttentionResult Attend(const Attention& w, std::size_t ratio, const Rows& x, const Config& c,
                       const Rules& rules, const Rounding& round) {
  const Rope rope(c, rules, ratio != 0);
  const std::size_t tokens = x.size();
  Rows latents, window;
  for (std::size_t p = 0; p < tokens; ++p) {
    latents.push_back(RmsNorm(Linear(w.wq_a, x[p], round), w.q_norm, c.norm_eps, round));
    const Row kv = RmsNorm(Linear(w.wkv, x[p], round), w.kv_norm, c.norm_eps, round);
    window.push_back(StoreEntry(rope.Rotate(kv, p, round), c, round));
  }
  Rows entries;
  if (ratio != 0) {
    entries = CompressBlocks(*w.compressor, ratio, x, rope, c, rules, round);
    for (Row& entry : entries) entry = StoreEntry(std::move(entry), c, round);
  }
  AttentionResult result;
  if (ratio == 4) result.selections = SelectEntries(*w.indexer, x, latents, rope, c, rules, round);

  for (std::size_t p = 0; p < tokens; ++p) {
    std::vector<const Row*> keys;
    for (std::size_t t = p + 1 < c.window ? 0 : p + 1 - c.window; t <= p; ++t)
      keys.push_back(&window[t]);
    if (ratio == 4)
      for (std::size_t b : result.selections[p].entries) keys.push_back(&entries[b]);
    else if (ratio != 0)
      for (std::size_t b = 0; b < VisibleBlocks(p, ratio, rules); ++b) keys.push_back(&entries[b]);

    Row q = Linear(w.wq_b, latents[p], round), o(q.size());
    for (std::size_t h = 0; h < c.heads; ++h) {
      double* head = q.data() + h * c.head_dim;
      double* out = o.data() + h * c.head_dim;
      if (rules.normalise_query_heads) HeadNorm(head, c.head_dim, c.norm_eps, round);
      rope.Rotate(head, c.head_dim, p, false, round);
      AttendHead(head, w.sink[h], keys, c, out);
      for (std::size_t d = 0; d < c.head_dim; ++d) out[d] = round(out[d]);
      if (rules.rotate_output_back) rope.Rotate(out, c.head_dim, p, true, round);
    }
    result.out.push_back(ProjectOutput(w, o, c, rules, round));
  }
  return result;
}

}  // namespace hadal::reference
