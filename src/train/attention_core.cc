#include "train/attention_core.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/check.h"
#include "train/attention_blocks.h"
#include "train/parallel.h"
#include "train/plain.h"
#include "train/simd.h"
#include "train/tensor_products.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

template <class T>
HADAL_INLINE T Largest(const T* z, std::int64_t begin, std::int64_t end, T top) {
#pragma omp simd reduction(max : top)
  for (std::int64_t j = begin; j < end; ++j) top = Max(top, z[j]);
  return top;
}

template <class T>
HADAL_INLINE T ExpRange(T* z, std::int64_t begin, std::int64_t end, T top, T scale) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t j = begin; j < end; ++j) {
    z[j] = Exp((z[j] - top) * scale);
    sum += z[j];
  }
  return sum;
}

// Zero outside of [begin, end), times factor inside.
template <class T>
HADAL_INLINE void Finish(T* z, std::int64_t begin, std::int64_t end, std::int64_t size, T factor) {
  std::fill(z, z + begin, T{0});
#pragma omp simd
  for (std::int64_t j = begin; j < end; ++j) z[j] *= factor;
  std::fill(z + end, z + size, T{0});
}

// Scores of one head of one token in, probabilities out; returns the sink's.
template <class T>
HADAL_TARGET_CLONES T SoftmaxRow(T* window, std::int64_t keys, T* entries, std::int64_t count,
                                 T sink, T scale, const Ranges& r, const std::uint8_t* selected) {
  if (selected != nullptr)
    for (std::int64_t j = r.entry_begin; j < r.entry_end; ++j)
      entries[j] = selected[j] != 0 ? entries[j] : -std::numeric_limits<T>::infinity();
  T top = Largest(window, r.window_begin, r.window_end, sink / scale);
  top = Largest(entries, r.entry_begin, r.entry_end, top);
  const T sink_e = Exp(sink - top * scale);
  const T sum = sink_e + ExpRange(window, r.window_begin, r.window_end, top, scale) +
                ExpRange(entries, r.entry_begin, r.entry_end, top, scale);
  Finish(window, r.window_begin, r.window_end, keys, 1 / sum);
  Finish(entries, r.entry_begin, r.entry_end, count, 1 / sum);
  return sink_e / sum;
}

// What has no gradient. visible, and with it selected, may be absent.
struct Visibility {
  const Tensor& window_begin;
  const Entries* visible;
  const Tensor& selected;
  std::int64_t window;
  Products products;
  Tensor* mass;  // null: not wanted
};

// Scores of a block in, probabilities out, in place; sink_p [queries, heads].
template <class T>
void SoftmaxBlock(const Core<T>& core, const Sight& sight, const Block& block, const T* sink,
                  const std::uint8_t* selected, T* window, T* entry, T* sink_p) {
  const T scale = static_cast<T>(1 / std::sqrt(static_cast<double>(core.width)));
  for (std::int64_t t = block.begin; t < block.end; ++t) {
    const Ranges r = sight.RangesOf(block, t);
    const std::uint8_t* chosen =
        selected == nullptr
            ? nullptr
            : selected + (block.row * core.bands.tokens + t) * core.count + block.entry;
    for (std::int64_t h = 0; h < core.heads; ++h) {
      const std::int64_t i = (t - block.begin) * core.heads + h;
      sink_p[i] = SoftmaxRow(window + i * core.bands.keys(), block.keys(), entry + i * core.count,
                             block.entries(), sink[h], scale, r, chosen);
    }
  }
}

// mass [queries, count] of a block, zeroed before.
template <class T>
void AddMass(const Core<T>& core, const Block& block, const T* entry, T* mass) {
  for (std::int64_t i = 0; i < block.queries() * core.heads; ++i) {
    T* const row = mass + i / core.heads * core.count + block.entry;
    for (std::int64_t j = 0; j < block.entries(); ++j) row[j] += entry[i * core.count + j];
  }
}

// One head of one token: dp in, dz out, in place: dz = scale * p * (dp - sum(p * dp)); returns the
// sum.
template <class T>
HADAL_TARGET_CLONES T SoftmaxRowBackward(const T* window_p, std::int64_t keys, const T* entry_p,
                                         std::int64_t count, T scale, T* window_d, T* entry_d) {
  const T dot = Dot(window_p, window_d, keys) + Dot(entry_p, entry_d, count);
#pragma omp simd
  for (std::int64_t j = 0; j < keys; ++j) window_d[j] = scale * window_p[j] * (window_d[j] - dot);
#pragma omp simd
  for (std::int64_t j = 0; j < count; ++j) entry_d[j] = scale * entry_p[j] * (entry_d[j] - dot);
  return dot;
}

// dsink [heads] -= sink_p * sum(p * dp).
template <class T>
void SoftmaxBlockBackward(const Core<T>& core, const Block& block, const T* window_p,
                          const T* entry_p, const T* sink_p, T* window_d, T* entry_d, T* dsink) {
  const T scale = static_cast<T>(1 / std::sqrt(static_cast<double>(core.width)));
  for (std::int64_t i = 0; i < block.queries() * core.heads; ++i) {
    const std::int64_t at = i * core.bands.keys(), entry_at = i * core.count;
    const T dot = SoftmaxRowBackward(window_p + at, block.keys(), entry_p + entry_at,
                                     block.entries(), scale, window_d + at, entry_d + entry_at);
    dsink[i % core.heads] -= sink_p[i] * dot;
  }
}

template <class T>
T* Data(const Tensor& x) {
  return x.defined() ? x.data_ptr<T>() : nullptr;
}

struct AttentionFunction : torch::autograd::Function<AttentionFunction> {
  // entries is empty where there are none.
  static Tensor forward(AutogradContext* context, const Tensor& q_in, const Tensor& kv_in,
                        const Tensor& entries_in, const Tensor& sink, const Visibility& in) {
    const Tensor q = q_in.contiguous(), kv = kv_in.contiguous(), entries = entries_in.contiguous();
    const Bands bands(q.size(1), in.window);
    const std::int64_t rows = q.size(0) * q.size(1) * q.size(2),
                       count = in.visible != nullptr ? in.visible->count : 0;
    Tensor window_p = torch::empty({rows, bands.keys()}, q.options()),
           entry_p = torch::empty({rows, count}, q.options()),
           sink_p = torch::empty({rows}, q.options()), o = torch::empty_like(q);
    if (in.mass != nullptr) *in.mass = torch::zeros({q.size(0), q.size(1), count}, q.options());
    Tensor begin, end;
    if (count > 0) begin = in.visible->begin, end = in.visible->end;
    const Sight sight(in.window_begin, begin, end, bands);
    AT_DISPATCH_FLOATING_TYPES(q.scalar_type(), "Attention", [&] {
      const Core<scalar_t> core(bands, q, kv, entries, in.products);
      const auto* sinks = sink.data_ptr<scalar_t>();
      const auto* selected = Data<std::uint8_t>(in.selected);
      auto *windows = window_p.data_ptr<scalar_t>(), *of_entries = entry_p.data_ptr<scalar_t>(),
           *of_sinks = sink_p.data_ptr<scalar_t>(), *out = o.data_ptr<scalar_t>(),
           *mass = in.mass != nullptr ? in.mass->data_ptr<scalar_t>() : nullptr;
      ParallelRows(q.size(0) * bands.blocks, 1 << 20, [&](std::int64_t from, std::int64_t to) {
        for (std::int64_t i = from; i < to; ++i) {
          const Block block = sight.BlockAt(i / bands.blocks, i % bands.blocks);
          const std::int64_t row = core.FirstRow(block);
          scalar_t *window = windows + row * bands.keys(), *entry = of_entries + row * count;
          core.Scores(core.Queries(core.q, block), block, window, entry);
          SoftmaxBlock(core, sight, block, sinks, selected, window, entry, of_sinks + row);
          core.Sum(window, entry, block, out + row * core.width);
          if (mass != nullptr) AddMass(core, block, entry, mass + row / core.heads * count);
        }
      });
    });
    context->save_for_backward(
        {q, kv, entries, window_p, entry_p, sink_p, in.window_begin, begin, end});
    context->saved_data["window"] = in.window;
    SaveProducts(context, in.products);
    return o;
  }

  static variable_list backward(AutogradContext* context, const variable_list& d) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &q = saved[0], &kv = saved[1], &entries = saved[2], g = d[0].contiguous();
    const Bands bands(q.size(1), context->saved_data["window"].toInt());
    const Products products = SavedProducts(context);
    const Sight sight(saved[6], saved[7], saved[8], bands);
    Tensor dq = torch::empty_like(q), dkv = torch::zeros_like(kv),
           dentries = torch::zeros_like(entries),
           dsinks = torch::zeros({q.size(0), q.size(2)}, q.options());
    AT_DISPATCH_FLOATING_TYPES(q.scalar_type(), "Attention", [&] {
      const Core<scalar_t> core(bands, q, kv, entries, products);
      const std::int64_t rows = bands.queries * core.heads;
      const auto *windows = saved[3].data_ptr<scalar_t>(),
                 *of_entries = saved[4].data_ptr<scalar_t>(),
                 *of_sinks = saved[5].data_ptr<scalar_t>(), *grad = g.data_ptr<scalar_t>();
      auto *dqs = dq.data_ptr<scalar_t>(), *dkvs = dkv.data_ptr<scalar_t>(),
           *des = dentries.data_ptr<scalar_t>(), *dsink = dsinks.data_ptr<scalar_t>();
      // Neighbouring blocks share keys: a row of the batch is one thread's.
      ParallelRows(q.size(0), 1 << 20, [&](std::int64_t from, std::int64_t to) {
        std::vector<scalar_t> window_d(static_cast<std::size_t>(rows * bands.keys())),
            entry_d(static_cast<std::size_t>(rows * core.count));
        for (std::int64_t i = from * bands.blocks; i < to * bands.blocks; ++i) {
          const Block block = sight.BlockAt(i / bands.blocks, i % bands.blocks);
          const std::int64_t row = core.FirstRow(block);
          const scalar_t *window = windows + row * bands.keys(),
                         *entry = of_entries + row * core.count;
          const Matrix<scalar_t> out = core.Queries(grad, block);
          core.Scores(out, block, window_d.data(), entry_d.data());
          core.AddBack(window, entry, out, block, dkvs, des);
          SoftmaxBlockBackward(core, block, window, entry, of_sinks + row, window_d.data(),
                               entry_d.data(), dsink + block.row * core.heads);
          core.Sum(window_d.data(), entry_d.data(), block, dqs + row * core.width);
          core.AddBack(window_d.data(), entry_d.data(), core.Queries(core.q, block), block, dkvs,
                       des);
        }
      });
    });
    return {dq, dkv, dentries, dsinks.sum(0), Tensor()};
  }
};

// Queries [begin, end) of a plain computation, and the window keys that any of them sees.
struct PlainBlock {
  std::int64_t begin, end, key;
};

// [batch, queries, keys] bool: the window keys that each query of a block sees.
Tensor SeenKeys(const DocumentPlan& plan, const PlainBlock& block) {
  const auto options = plan.window_begin.options();
  const Tensor key = torch::arange(block.key, block.end, options),
               query = torch::arange(block.begin, block.end, options).unsqueeze(1),
               first = plan.window_begin.slice(1, block.begin, block.end).unsqueeze(2);
  return (key >= first).logical_and(key <= query);
}

// Window keys and entries are the keys of one softmax; the sink is one more, without a value.
// seen_entries [batch, tokens, count] bool is undefined where there are none.
AttentionResult AttendBlock(const AttentionInputs& in, const PlainBlock& block,
                            const Tensor& seen_keys, const Tensor& seen_entries,
                            Products products) {
  Tensor keys = in.kv.slice(1, block.key, block.end), seen = seen_keys;
  if (seen_entries.defined()) {
    keys = torch::cat({keys, in.entries}, 1);
    seen = torch::cat({seen, seen_entries.slice(1, block.begin, block.end)}, 2);
  }
  const Tensor q = in.q.slice(1, block.begin, block.end);
  const std::int64_t batch = q.size(0), queries = q.size(1), heads = q.size(2),
                     count = keys.size(1);
  const double scale = 1 / std::sqrt(static_cast<double>(q.size(3)));
  const Tensor scores =
      plain::MatMul(q.flatten(1, 2), keys.transpose(1, 2), products)
          .view({batch, queries, heads, count})
          .mul(scale)
          .masked_fill(seen.logical_not().unsqueeze(2), -std::numeric_limits<double>::infinity());
  const Tensor sink = in.sink.view({1, 1, heads, 1}).expand({batch, queries, heads, 1});
  const Tensor p = torch::cat({scores, sink}, 3).softmax(3).slice(3, 0, count);
  AttentionResult result;
  result.o = plain::MatMul(p.flatten(1, 2), keys, products).view(q.sizes());
  if (in.want_mass && seen_entries.defined())
    result.mass = p.detach().slice(3, block.end - block.key).sum(2);
  return result;
}

}  // namespace

AttentionResult plain::AttentionCore(const AttentionInputs& in, const DocumentPlan& plan,
                                     std::int64_t window, const Entries* visible,
                                     Products products) {
  constexpr std::int64_t kPlainQueries = 128;  // at a time: memory grows with tokens * window
  Tensor seen_entries;
  if (in.entries.defined() && in.entries.size(1) > 0) seen_entries = VisibleEntries(*visible);
  if (in.selected.defined()) seen_entries = seen_entries.logical_and(in.selected);
  std::vector<Tensor> o, mass;
  for (std::int64_t begin = 0; begin < plan.tokens; begin += kPlainQueries) {
    const PlainBlock block{begin, std::min(plan.tokens, begin + kPlainQueries),
                           std::max<std::int64_t>(0, begin - window + 1)};
    AttentionResult part = AttendBlock(in, block, SeenKeys(plan, block), seen_entries, products);
    o.push_back(part.o);
    if (part.mass.defined()) mass.push_back(part.mass);
  }
  return {torch::cat(o, 1), mass.empty() ? Tensor() : torch::cat(mass, 1)};
}

AttentionResult AttentionCore(const AttentionInputs& in, const DocumentPlan& plan,
                              std::int64_t window, const Entries* visible, Products products) {
  if (!HasKernels(in.q)) return plain::AttentionCore(in, plan, window, visible, products);
  const bool any = in.entries.defined() && in.entries.size(1) > 0;
  HADAL_CHECK(!any || (visible != nullptr && visible->count == in.entries.size(1)));
  AttentionResult result;
  result.o = AttentionFunction::apply(
      in.q, in.kv, any ? in.entries : torch::empty({0}, in.q.options()), in.sink,
      Visibility{plan.window_begin, any ? visible : nullptr, in.selected, window, products,
                 any && in.want_mass ? &result.mass : nullptr});
  return result;
}

}  // namespace hadal::train
