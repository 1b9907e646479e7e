#include "train/indexer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "train/compressor.h"
#include "train/parallel.h"
#include "train/plain.h"
#include "train/quantize_ste.h"
#include "train/simd.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct ScoreShape {
  std::int64_t heads, count;
};

// score[r, c] = sum_h w[r, h] * max(0, dots[r, h, c]), of rows [begin, end).
template <class T>
HADAL_TARGET_CLONES void WeightedRelu(const ScoreShape& s, const T* dots, const T* w,
                                      std::int64_t begin, std::int64_t end, T* scores) {
  for (std::int64_t row = begin; row < end; ++row) {
    T* score = scores + row * s.count;
    std::fill_n(score, s.count, T{0});
    for (std::int64_t h = row * s.heads; h < (row + 1) * s.heads; ++h) {
      const T *dot = dots + h * s.count, weight = w[h];
#pragma omp simd
      for (std::int64_t c = 0; c < s.count; ++c) score[c] += weight * Max(dot[c], T{0});
    }
  }
}

template <class T>
HADAL_TARGET_CLONES void WeightedReluBackward(const ScoreShape& s, const T* dots, const T* w,
                                              const T* dscores, std::int64_t begin,
                                              std::int64_t end, T* ddots, T* dw) {
  for (std::int64_t row = begin; row < end; ++row) {
    const T* g = dscores + row * s.count;
    for (std::int64_t h = row * s.heads; h < (row + 1) * s.heads; ++h) {
      const T *dot = dots + h * s.count, weight = w[h];
      T *out = ddots + h * s.count, sum = 0;
#pragma omp simd reduction(+ : sum)
      for (std::int64_t c = 0; c < s.count; ++c) {
        const T open = dot[c] > 0 ? T{1} : T{0};
        sum += open * dot[c] * g[c];
        out[c] = open * weight * g[c];
      }
      dw[h] = sum;
    }
  }
}

struct ScoresFunction : torch::autograd::Function<ScoresFunction> {
  // q [batch, tokens, heads, width], k [batch, count, width], w [batch, tokens, heads]
  static Tensor forward(AutogradContext* context, const Tensor& q_in, const Tensor& k_in,
                        const Tensor& w_in) {
    const Tensor q = q_in.contiguous(), k = k_in.contiguous(), w = w_in.contiguous();
    const Tensor dots = torch::bmm(q.view({q.size(0), -1, q.size(3)}), k.transpose(1, 2));
    Tensor scores = torch::empty({q.size(0), q.size(1), k.size(1)}, q.options());
    AT_DISPATCH_FLOATING_TYPES(q.scalar_type(), "IndexerScores", [&] {
      const ScoreShape s{q.size(2), k.size(1)};
      const auto *in = dots.data_ptr<scalar_t>(), *weights = w.data_ptr<scalar_t>();
      auto* out = scores.data_ptr<scalar_t>();
      ParallelRows(q.size(0) * q.size(1), s.heads * s.count,
                   [&](std::int64_t begin, std::int64_t end) {
                     WeightedRelu(s, in, weights, begin, end, out);
                   });
    });
    context->save_for_backward({q, k, w, dots});
    return scores;
  }
  static variable_list backward(AutogradContext* context, const variable_list& d) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &q = saved[0], &k = saved[1], &w = saved[2], &dots = saved[3];
    const Tensor dscores = d[0].contiguous();
    Tensor ddots = torch::empty_like(dots), dw = torch::empty_like(w);
    AT_DISPATCH_FLOATING_TYPES(q.scalar_type(), "IndexerScores", [&] {
      const ScoreShape s{q.size(2), k.size(1)};
      const auto *in = dots.data_ptr<scalar_t>(), *weights = w.data_ptr<scalar_t>(),
                 *grad = dscores.data_ptr<scalar_t>();
      auto *out = ddots.data_ptr<scalar_t>(), *dweights = dw.data_ptr<scalar_t>();
      ParallelRows(q.size(0) * q.size(1), s.heads * s.count,
                   [&](std::int64_t begin, std::int64_t end) {
                     WeightedReluBackward(s, in, weights, grad, begin, end, out, dweights);
                   });
    });
    const Tensor rows = q.view({q.size(0), -1, q.size(3)});
    return {torch::bmm(ddots, k).view(q.sizes()), torch::bmm(ddots.transpose(1, 2), rows), dw};
  }
};

// Loss and gradient of one token over its `candidates`; adds to grad, returns the token's KL.
template <class T>
double TokenLoss(const std::vector<std::int64_t>& candidates, const T* score, const T* mass,
                 T* grad) {
  T top = -std::numeric_limits<T>::infinity();
  double total = 0;
  for (const std::int64_t c : candidates) {
    top = std::max(top, score[c]);
    total += static_cast<double>(mass[c]);
  }
  if (total <= 0) return 0;
  double sum = 0, loss = 0;
  for (const std::int64_t c : candidates) sum += std::exp(static_cast<double>(score[c] - top));
  for (const std::int64_t c : candidates) {
    const double log_p = static_cast<double>(score[c] - top) - std::log(sum);
    const double target = static_cast<double>(mass[c]) / total;
    if (target > 0) loss += target * (std::log(target) - log_p);
    grad[c] = static_cast<T>(std::exp(log_p) - target);
  }
  return loss;
}

// What has no gradient.
struct LossInputs {
  const Tensor& mass;
  const Entries& entries;
  const Tensor& selected;
};

struct LossFunction : torch::autograd::Function<LossFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& scores, const LossInputs& in) {
    const Tensor mass = in.mass.contiguous();
    const Tensor &begin = in.entries.begin, &end = in.entries.end, &selected = in.selected;
    Tensor grad = torch::zeros_like(scores);
    const std::int64_t count = scores.size(2), tokens = begin.numel();
    const std::int64_t *first = begin.data_ptr<std::int64_t>(),
                       *last = end.data_ptr<std::int64_t>();
    const std::uint8_t* chosen = selected.defined() ? selected.data_ptr<std::uint8_t>() : nullptr;
    const Tensor seeing = (end > begin).sum();
    const double tokens_seeing = std::max(1.0, seeing.item<double>());
    Tensor loss;
    AT_DISPATCH_FLOATING_TYPES(scores.scalar_type(), "IndexerLoss", [&] {
      const scalar_t *s = scores.data_ptr<scalar_t>(), *m = mass.data_ptr<scalar_t>();
      scalar_t* g = grad.data_ptr<scalar_t>();
      loss = SumOverRows<double>(
          tokens, 1, torch::kDouble, [&](std::int64_t from, std::int64_t to, double* sum) {
            std::vector<std::int64_t> candidates;
            for (std::int64_t t = from; t < to; ++t) {
              candidates.clear();
              for (std::int64_t c = first[t]; c < last[t]; ++c)
                if (chosen == nullptr || chosen[t * count + c] != 0) candidates.push_back(c);
              *sum += TokenLoss(candidates, s + t * count, m + t * count, g + t * count);
            }
          });
    });
    context->save_for_backward({grad.div_(tokens_seeing)});
    return loss.squeeze(0).div_(tokens_seeing).to(scores.scalar_type());
  }
  static variable_list backward(AutogradContext* context, const variable_list& d) {
    return {context->get_saved_variables()[0] * d[0], Tensor()};
  }
};

// Marks the topk best of score[begin, end) in chosen.
template <class T>
void Choose(const T* score, std::int64_t begin, std::int64_t end, std::int64_t topk,
            std::vector<std::int64_t>& order, std::uint8_t* chosen) {
  if (end - begin <= topk) {
    std::fill(chosen + begin, chosen + end, std::uint8_t{1});
    return;
  }
  order.resize(static_cast<std::size_t>(end - begin));
  std::iota(order.begin(), order.end(), begin);
  std::nth_element(order.begin(), order.begin() + topk - 1, order.end(),
                   [&](std::int64_t a, std::int64_t b) {
                     return score[a] != score[b] ? score[a] > score[b] : a < b;
                   });
  for (std::int64_t i = 0; i < topk; ++i) chosen[order[static_cast<std::size_t>(i)]] = 1;
}

}  // namespace

Tensor plain::WeightedScores(const Tensor& q, const Tensor& k, const Tensor& w) {
  const Tensor dots = torch::bmm(q.flatten(1, 2), k.transpose(1, 2));
  return (dots.view({q.size(0), q.size(1), q.size(2), -1}).relu() * w.unsqueeze(3)).sum(2);
}

Tensor plain::SelectEntries(const Tensor& scores, const Entries& entries, std::int64_t topk) {
  const Tensor visible = VisibleEntries(entries);
  const Tensor of_visible =
      scores.detach().masked_fill(visible.logical_not(), -std::numeric_limits<double>::infinity());
  const Tensor order =
      std::get<1>(torch::sort(of_visible, /*stable=*/true, 2, /*descending=*/true));
  const Tensor best = torch::zeros_like(visible).scatter_(2, order.slice(2, 0, topk), true);
  return best.logical_and(visible).to(torch::kByte);
}

Tensor plain::IndexerLoss(const Tensor& scores, const Tensor& mass, const Entries& entries,
                          const Tensor& selected) {
  Tensor counts = VisibleEntries(entries);
  if (selected.defined()) counts = counts.logical_and(selected);
  // Not infinity: it is multiplied by targets of zero.
  const Tensor log_p = scores.masked_fill(counts.logical_not(), -1e30).log_softmax(2);
  const Tensor wanted = mass * counts;
  const Tensor target = wanted / wanted.sum(2, true).clamp_min(1e-30);
  const Tensor seeing = (entries.end > entries.begin).sum().clamp_min(1);
  return (torch::xlogy(target, target) - target * log_p).sum() / seeing;
}

Tensor IndexerScores(const Tensor& x_in, const Tensor& q_r_in, const IndexerWeights& weights,
                     const DocumentPlan& plan, const RotaryTable& rotary,
                     const arch::Config& config, const ForwardOptions& options) {
  const Tensor x = x_in.detach(), q_r = q_r_in.detach();
  const auto heads = static_cast<std::int64_t>(config.index_n_heads),
             width = static_cast<std::int64_t>(config.index_head_dim);
  Tensor q = Rotate(
      Linear(q_r, weights.wq_b, options.products).view({plan.batch, plan.tokens, heads, width}),
      plan.positions, rotary);
  Tensor k = Rotate(
      Compress(x, weights.compressor, plan.csa, config.rms_norm_eps, options.products).unsqueeze(2),
      plan.csa.positions, rotary);
  if (options.quantize.indexer) {
    q = StoredFp4(Hadamard(q));
    k = StoredFp4(Hadamard(k));
  }
  const double scale = 1 / std::sqrt(static_cast<double>(width * heads));
  const Tensor w = Linear(x, weights.weights_proj, options.products) * scale;
  const Tensor of_heads = w.view({plan.batch, plan.tokens, heads});
  if (!HasKernels(q)) return plain::WeightedScores(q, k.squeeze(2), of_heads);
  return ScoresFunction::apply(q, k.squeeze(2), of_heads);
}

Tensor SelectEntries(const Tensor& scores_in, const Entries& entries, std::int64_t topk) {
  if (!HasKernels(scores_in)) return plain::SelectEntries(scores_in, entries, topk);
  const Tensor scores = scores_in.detach().contiguous();
  const std::int64_t count = scores.size(2);
  Tensor selected = torch::zeros(scores.sizes(), torch::kByte);
  const std::int64_t *begin = entries.begin.data_ptr<std::int64_t>(),
                     *end = entries.end.data_ptr<std::int64_t>();
  std::uint8_t* chosen = selected.data_ptr<std::uint8_t>();
  AT_DISPATCH_FLOATING_TYPES(scores.scalar_type(), "SelectEntries", [&] {
    const scalar_t* score = scores.data_ptr<scalar_t>();
    ParallelRows(entries.begin.numel(), count * 8, [&](std::int64_t from, std::int64_t to) {
      std::vector<std::int64_t> order;
      for (std::int64_t t = from; t < to; ++t)
        Choose(score + t * count, begin[t], end[t], topk, order, chosen + t * count);
    });
  });
  return selected;
}

Tensor IndexerLoss(const Tensor& scores, const Tensor& mass, const Entries& entries,
                   const Tensor& selected) {
  if (!HasKernels(scores)) return plain::IndexerLoss(scores, mass, entries, selected);
  return LossFunction::apply(scores, LossInputs{mass, entries, selected});
}

}  // namespace hadal::train
