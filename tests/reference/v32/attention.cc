#include "reference/v32/attention.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "base/check.h"

namespace hadal::reference::v32 {
namespace {

double TurnsChannel(const Config& c, double turns) {
  return static_cast<double>(c.rope) * std::log(c.yarn_original / (2 * std::numbers::pi * turns)) /
         (2 * std::log(c.rope_theta));
}

// Entries, what attention reads of a token: the latent and the rotary key.
struct Entry {
  Row latent, key;
};

Entry MakeEntry(const Layer& w, const Row& x, std::size_t position, const Config& c,
                const Rope& rope, const Rounding& round) {
  const Row a = Linear(w.kv_a, x, round);
  const auto cut = a.begin() + static_cast<std::ptrdiff_t>(c.rank);
  Entry entry{RmsNorm(Row(a.begin(), cut), w.kv_norm, c.norm_eps, round), Row(cut, a.end())};
  rope.RotatePairs(entry.key.data(), position, round);
  if (!round.fp8_kv) return entry;
  entry.latent = RoundFp8(entry.latent, 0, c.rank, 128, round.scales);
  for (double& v : entry.key) v = RoundToBf16(static_cast<float>(v));
  return entry;
}

Row LayerNorm(const Row& x, const Row& gain, const Row& bias, const Rounding& round) {
  const double n = static_cast<double>(x.size());
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
  double squares = 0;
  for (const double v : x) squares += (v - mean) * (v - mean);
  const double scale = 1 / std::sqrt(squares / n + 1e-6);
  Row y(x.size());
  for (std::size_t i = 0; i < y.size(); ++i)
    y[i] = round((x[i] - mean) * scale * gain[i] + bias[i]);
  return y;
}

// RoPE on the first channels, Hadamard, FP8.
Row IndexVector(Row x, std::size_t position, const Config& c, const Rope& rope,
                const Rounding& round) {
  rope.RotateHalves(x.data(), position, round);
  x = Hadamard(std::move(x), round);
  if (round.fp4_indexer) x = RoundFp8(std::move(x), 0, c.index_dim, 128, round.scales);
  return x;
}

Selection Choose(const Row& scores, const Config& c) {
  Selection selection;
  selection.entries = LargestK(scores, c.index_topk);
  if (scores.size() > c.index_topk) selection.margin = SelectionMargin(scores, c.index_topk);
  return selection;
}

std::vector<Selection> SelectTokens(const Layer& w, const Rows& x, const Rows& latents,
                                    const Config& c, const Rope& rope, const Rounding& round) {
  Rows keys;
  std::vector<Selection> selections;
  for (std::size_t p = 0; p < x.size(); ++p) {
    const Row k = LayerNorm(Linear(w.index_k, x[p], round), w.index_gain, w.index_bias, round);
    keys.push_back(IndexVector(k, p, c, rope, round));
    const Row q = Linear(w.index_q, latents[p], round), weights = Product(w.index_w, x[p]);
    Row scores(p + 1);
    for (std::size_t h = 0; h < c.index_heads; ++h) {
      const auto begin = q.begin() + static_cast<std::ptrdiff_t>(h * c.index_dim);
      const Row head = IndexVector(Row(begin, begin + static_cast<std::ptrdiff_t>(c.index_dim)), p,
                                   c, rope, round);
      CountMacs(scores.size() * c.index_dim);
      for (std::size_t j = 0; j <= p; ++j)
        scores[j] += weights[h] * std::max(0.0, std::inner_product(head.begin(), head.end(),
                                                                   keys[j].begin(), 0.0));
    }
    const double factor =
        1 / std::sqrt(static_cast<double>(c.index_heads) * static_cast<double>(c.index_dim));
    for (double& score : scores) score *= factor;
    selections.push_back(Choose(scores, c));
  }
  return selections;
}

double ScoreScale(const Config& c) {
  const double m = c.yarn_factor > 1 ? 0.1 * c.mscale * std::log(c.yarn_factor) + 1 : 1;
  return m * m / std::sqrt(static_cast<double>(c.nope + c.rope));
}

// The heads' keys and values of a latent: rows of head h are [k_nope | v].
Row Decompressed(const Layer& w, const Row& latent) { return Product(w.kv_b, latent); }

Row AttendToken(const Row& q, const std::vector<Entry>& entries, const Rows& heads_of,
                const Selection& selection, const Config& c, const Rounding& round) {
  const std::size_t q_dim = c.nope + c.rope, kv_dim = c.nope + c.value;
  Row out(c.heads * c.value);
  CountMacs(selection.entries.size() * c.heads * (q_dim + c.value));
  for (std::size_t h = 0; h < c.heads; ++h) {
    const double* head = q.data() + h * q_dim;
    Row p;
    for (const std::size_t j : selection.entries) {
      const double* key = heads_of[j].data() + h * kv_dim;
      const double nope = std::inner_product(head, head + c.nope, key, 0.0);
      const double rope =
          std::inner_product(head + c.nope, head + q_dim, entries[j].key.begin(), 0.0);
      p.push_back((nope + rope) * ScoreScale(c));
    }
    const double largest = *std::max_element(p.begin(), p.end());
    double sum = 0;
    for (double& v : p) sum += v = std::exp(v - largest);
    for (std::size_t i = 0; i < p.size(); ++i) {
      const double* value = heads_of[selection.entries[i]].data() + h * kv_dim + c.nope;
      for (std::size_t d = 0; d < c.value; ++d) out[h * c.value + d] += p[i] / sum * value[d];
    }
  }
  return round(std::move(out));
}

}  // namespace

Rope::Rope(const Config& c) {
  const double last = static_cast<double>(c.rope) - 1;
  const double low = std::max(std::floor(TurnsChannel(c, c.yarn_beta_fast)), 0.0);
  double high = std::min(std::ceil(TurnsChannel(c, c.yarn_beta_slow)), last);
  if (high == low) high = low + 0.001;
  for (std::size_t i = 0; i < c.rope / 2; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(c.rope);
    float f = 1.0f / static_cast<float>(std::pow(c.rope_theta, double{exponent}));
    if (c.yarn_factor > 1) {
      const float ramp = std::clamp(
          (static_cast<float>(i) - static_cast<float>(low)) / static_cast<float>(high - low), 0.0f,
          1.0f);
      const float smooth = 1 - ramp;
      f = f / static_cast<float>(c.yarn_factor) * (1 - smooth) + f * smooth;
    }
    frequencies_.push_back(f);
  }
}

void Rope::Turn(double& a, double& b, std::size_t i, std::size_t position,
                const Rounding& round) const {
  const double angle = static_cast<float>(position) * frequencies_[i];
  const double cos = static_cast<float>(std::cos(angle)), sin = static_cast<float>(std::sin(angle));
  const double first = a * cos - b * sin, second = a * sin + b * cos;
  a = round(first);
  b = round(second);
}

void Rope::RotatePairs(double* x, std::size_t position, const Rounding& round) const {
  for (std::size_t i = 0; i < frequencies_.size(); ++i)
    Turn(x[2 * i], x[2 * i + 1], i, position, round);
}

void Rope::RotateHalves(double* x, std::size_t position, const Rounding& round) const {
  const std::size_t half = frequencies_.size();
  for (std::size_t i = 0; i < half; ++i) Turn(x[i], x[half + i], i, position, round);
}

Rows Attend(const Layer& w, const Rows& x, const Config& c, const Rope& rope, const Rounding& round,
            std::vector<Selection>* selections) {
  Rows latents, heads_of, out;
  std::vector<Entry> entries;
  for (std::size_t p = 0; p < x.size(); ++p) {
    latents.push_back(RmsNorm(Linear(w.q_a, x[p], round), w.q_norm, c.norm_eps, round));
    entries.push_back(MakeEntry(w, x[p], p, c, rope, round));
    heads_of.push_back(Decompressed(w, entries.back().latent));
  }
  *selections = SelectTokens(w, x, latents, c, rope, round);
  for (std::size_t p = 0; p < x.size(); ++p) {
    Row q = Linear(w.q_b, latents[p], round);
    for (std::size_t h = 0; h < c.heads; ++h)
      rope.RotatePairs(q.data() + h * (c.nope + c.rope) + c.nope, p, round);
    const Row o = AttendToken(q, entries, heads_of, (*selections)[p], c, round);
    out.push_back(Linear(w.o, o, round));
  }
  return out;
}

}  // namespace hadal::reference::v32
