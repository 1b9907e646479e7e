// The kernels against the official vectors: the steps of a block.
#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "kernels/attention.h"
#include "kernels/hyper_connection.h"
#include "kernels/matmul.h"
#include "kernels/pool.h"
#include "kernels/rms_norm.h"
#include "kernels/rope.h"
#include "kernels/router.h"
#include "kernels/swiglu.h"
#include "testing/close.h"
#include "units.h"

namespace hadal {
namespace {

using testing::AllClose;
using testing::Bound;

std::vector<float> Product(const std::vector<float>& x, const std::vector<float>& w,
                           std::size_t cols) {
  Threads threads(1);
  std::vector<float> y = Poisoned(x.size() / cols * (w.size() / cols));
  const kernels::Weight weight{StoredFormat::kF32, w.size() / cols, cols,
                               std::as_bytes(std::span(w)).data(), nullptr};
  kernels::MatMul(Rows(x, cols), weight, Rows(y, weight.rows), threads);
  return y;
}

void ExpectSplit(const kernels::HcWeights& got, std::span<const float> pre,
                 std::span<const float> post, std::span<const float> comb, double bound) {
  EXPECT_TRUE(AllClose(got.pre, pre, {.rel = bound, .abs = bound}));
  EXPECT_TRUE(AllClose(got.post, post, {.rel = bound, .abs = bound}));
  EXPECT_TRUE(AllClose({&got.comb[0][0], 16}, comb, {.rel = bound, .abs = bound}));
}

TEST_F(Units, HcSplit) {
  const auto mixes = Floats("hc_split.mixes"), scale = Floats("hc_split.scale"),
             base = Floats("hc_split.base"), pre = Floats("hc_split.pre"),
             post = Floats("hc_split.post"), comb = Floats("hc_split.comb");
  for (std::size_t t = 0; t < 16; ++t)
    ExpectSplit(kernels::HcSplit(std::span(mixes).subspan(t * 24, 24), scale, base, 20, 1e-6f),
                std::span(pre).subspan(t * 4, 4), std::span(post).subspan(t * 4, 4),
                std::span(comb).subspan(t * 16, 16), 2e-6);
}

TEST_F(Units, HcSplitTellsWhereEpsEntersAndHowOften) {
  const auto mixes = Floats("hc_split_hard.mixes"), scale = Floats("hc_split_hard.scale"),
             base = Floats("hc_split_hard.base");
  const std::tuple<std::size_t, float, std::string> cases[] = {{1, 0.03f, "iters1_eps0.03"},
                                                               {2, 0.03f, "iters2_eps0.03"},
                                                               {20, 0.03f, "iters20_eps0.03"},
                                                               {19, 1e-6f, "iters19_eps1e-06"},
                                                               {20, 1e-6f, "iters20_eps1e-06"}};
  for (const auto& [iterations, eps, name] : cases) {
    const std::string group = "hc_split_hard." + name;
    const auto pre = Floats(group + ".pre"), post = Floats(group + ".post"),
               comb = Floats(group + ".comb");
    for (std::size_t t = 0; t < 8; ++t) {
      SCOPED_TRACE(name);
      ExpectSplit(
          kernels::HcSplit(std::span(mixes).subspan(t * 24, 24), scale, base, iterations, eps),
          std::span(pre).subspan(t * 4, 4), std::span(post).subspan(t * 4, 4),
          std::span(comb).subspan(t * 16, 16), 3e-6);
    }
  }
}

TEST_F(Units, HcBlock) {
  const auto fn = Floats("hc_block.fn"), scale = Floats("hc_block.scale"),
             base = Floats("hc_block.base"), want_mixes = Floats("hc_block.mixes"),
             reduced = Floats("hc_block.reduced"), out = Floats("hc_block.sublayer_out"),
             want = Floats("hc_block.new_streams");
  const Bound bound{.rel = 3e-6, .abs = 3e-6};
  OnEveryIsa([&] {
    std::vector<float> streams = Floats("hc_block.streams");
    std::vector<float> mixes = Product(streams, fn, 256), got = Poisoned(3 * 64);
    for (std::size_t t = 0; t < 3; ++t) {
      const std::span<float> row = std::span(streams).subspan(t * 256, 256);
      const float r = kernels::RmsScale(row, 1e-6f);
      for (std::size_t i = 0; i < 24; ++i) mixes[t * 24 + i] *= r;
      const auto weights =
          kernels::HcSplit(std::span(mixes).subspan(t * 24, 24), scale, base, 20, 1e-6f);
      const View2<float> view(row.data(), 4, 64);
      kernels::HcReduce(view, weights.pre, std::span(got).subspan(t * 64, 64));
      kernels::HcExpand(weights, std::span(out).subspan(t * 64, 64), view);
    }
    EXPECT_TRUE(AllClose(mixes, want_mixes, bound));
    EXPECT_TRUE(AllClose(got, reduced, bound));
    EXPECT_TRUE(AllClose(streams, want, bound));
  });
}

TEST_F(Units, HcHead) {
  const auto streams = Floats("hc_head.streams"), base = Floats("hc_head.base");
  const Bound bound{.rel = 3e-6, .abs = 3e-6};
  OnEveryIsa([&] {
    std::vector<float> mixes = Product(streams, Floats("hc_head.fn"), 256);
    std::vector<float> weights = Poisoned(12), reduced = Poisoned(3 * 64);
    for (std::size_t t = 0; t < 3; ++t) {
      const float r = kernels::RmsScale(std::span(streams).subspan(t * 256, 256), 1e-6f);
      for (std::size_t j = 0; j < 4; ++j) mixes[t * 4 + j] *= r;
      const std::span<float> row = std::span(weights).subspan(t * 4, 4);
      kernels::HcHeadWeights(std::span(mixes).subspan(t * 4, 4), Scalar("hc_head.scale"), base,
                             1e-6f, row);
      kernels::HcReduce({streams.data() + t * 256, 4, 64}, row,
                        std::span(reduced).subspan(t * 64, 64));
    }
    EXPECT_TRUE(AllClose(weights, Floats("hc_head.weights"), bound));
    EXPECT_TRUE(AllClose(reduced, Floats("hc_head.reduced"), bound));
  });
}

TEST_F(Units, Rope) {
  const auto positions = Raw<std::int64_t>("rope.positions");
  const std::pair<std::string, std::vector<float>> tables[] = {
      {"compressed", kernels::YarnFrequencies(64, 160000, 16, 32, 1, 65536)},
      {"window_only", kernels::RopeFrequencies(64, 10000)},
      {"tiny", kernels::YarnFrequencies(32, 160000, 16, 32, 1, 64)}};
  for (const auto& [name, frequencies] : tables) {
    SCOPED_TRACE(name);
    const std::string group = "rope." + name;
    const std::size_t dim = frequencies.size();
    const auto want = Floats(group + ".inv_freq");
    EXPECT_TRUE(AllClose(frequencies, want, {.rel = 2e-7}));
    const auto want_cos = Floats(group + ".cos"), want_sin = Floats(group + ".sin");
    std::vector<float> forward = Floats(group + ".x"), inverse = forward;
    std::vector<float> cos = Poisoned(dim), sin = Poisoned(dim);
    for (std::size_t p = 0; p < positions.size(); ++p) {
      const auto position = static_cast<std::uint64_t>(positions[p]);
      kernels::RopeAngles(position, want, cos, sin);
      EXPECT_TRUE(AllClose(cos, std::span(want_cos).subspan(p * dim, dim), {.abs = 1e-6}));
      EXPECT_TRUE(AllClose(sin, std::span(want_sin).subspan(p * dim, dim), {.abs = 1e-6}));
      kernels::Rotate(std::span(forward).subspan(p * 2 * dim, 2 * dim), cos, sin,
                      kernels::Turn::kForward);
      kernels::Rotate(std::span(inverse).subspan(p * 2 * dim, 2 * dim), cos, sin,
                      kernels::Turn::kInverse);
      kernels::RopeAngles(position, frequencies, cos, sin);  // our own table
      for (std::size_t i = 0; i < dim; ++i) {
        const double bound = 1.2e-7 * static_cast<double>(position) * double{want[i]} + 1e-6;
        EXPECT_NEAR(cos[i], want_cos[p * dim + i], bound) << position << " " << i;
        EXPECT_NEAR(sin[i], want_sin[p * dim + i], bound) << position << " " << i;
      }
    }
    EXPECT_TRUE(AllClose(forward, Floats(group + ".rotated"), {.rel = 2e-6, .abs = 4e-6}));
    EXPECT_TRUE(AllClose(inverse, Floats(group + ".rotated_inverse"), {.rel = 2e-6, .abs = 4e-6}));
  }
}

// One entry per block: pool the candidates, normalise, rotate at the block's first position.
void ExpectCompressed(const std::vector<float>& pooled, const std::vector<float>& gain,
                      const std::vector<float>& frequencies, std::size_t ratio,
                      const std::vector<float>& want_normed, const std::vector<float>& want_out) {
  std::vector<float> normed = Poisoned(pooled.size());
  std::vector<float> cos(frequencies.size()), sin(frequencies.size());
  for (std::size_t b = 0; b < pooled.size() / 64; ++b)
    kernels::RmsNorm(std::span(pooled).subspan(b * 64, 64), gain, 1e-6f,
                     std::span(normed).subspan(b * 64, 64));
  EXPECT_TRUE(AllClose(normed, want_normed, {.rel = 1e-5, .abs = 1e-5}));
  for (std::size_t b = 0; b < pooled.size() / 64; ++b) {
    kernels::RopeAngles(ratio * b, frequencies, cos, sin);
    kernels::Rotate(std::span(normed).subspan(b * 64 + 32, 32), cos, sin, kernels::Turn::kForward);
  }
  EXPECT_TRUE(AllClose(normed, want_out, {.rel = 1e-5, .abs = 1e-5}));
}

TEST_F(Units, Compressor128) {
  const auto x = Floats("compressor128.x"), ape = Floats("compressor128.ape");
  OnEveryIsa([&] {
    const auto kv = Product(x, Floats("compressor128.wkv.weight"), 48);
    auto score = Product(x, Floats("compressor128.wgate.weight"), 48);
    EXPECT_TRUE(AllClose(kv, Floats("compressor128.kv"), {.rel = 1e-5, .abs = 1e-5}));
    EXPECT_TRUE(AllClose(score, Floats("compressor128.score_no_ape"), {.rel = 1e-5, .abs = 1e-5}));
    for (std::size_t i = 0; i < score.size(); ++i) score[i] += ape[i % ape.size()];
    std::vector<float> pooled = Poisoned(2 * 64);
    for (std::size_t b = 0; b < 2; ++b)
      kernels::PoolSoftmax(Rows(kv, 64).Rows(b * 128, 128),
                           Rows(std::as_const(score), 64).Rows(b * 128, 128),
                           std::span(pooled).subspan(b * 64, 64));
    EXPECT_TRUE(AllClose(pooled, Floats("compressor128.pooled"), {.rel = 1e-5, .abs = 1e-5}));
    ExpectCompressed(pooled, Floats("compressor128.norm.weight"), Floats("rope.tiny.inv_freq"), 128,
                     Floats("compressor128.normed"), Floats("compressor128.out"));
  });
}

TEST_F(Units, Compressor4) {
  const auto x = Floats("compressor4.x"), ape = Floats("compressor4.ape");
  OnEveryIsa([&] {
    const auto kv = Product(x, Floats("compressor4.wkv.weight"), 48);
    auto score = Product(x, Floats("compressor4.wgate.weight"), 48);
    for (std::size_t i = 0; i < score.size(); ++i) score[i] += ape[i % ape.size()];
    std::vector<float> pooled = Poisoned(3 * 64);
    for (std::size_t b = 0; b < 3; ++b) {
      // Four candidates of the block before, by their first channels; four of this, by their
      // second.
      std::vector<float> values(8 * 64, 0.0f), scores(8 * 64, -HUGE_VALF);
      for (std::size_t r = b == 0 ? 4 : 0; r < 8; ++r) {
        const std::size_t from = (4 * b + r - 4) * 128 + (r < 4 ? 0 : 64);
        std::copy_n(&kv[from], 64, &values[r * 64]);
        std::copy_n(&score[from], 64, &scores[r * 64]);
      }
      kernels::PoolSoftmax(Rows(values, 64), Rows(scores, 64),
                           std::span(pooled).subspan(b * 64, 64));
    }
    EXPECT_TRUE(AllClose(pooled, Floats("compressor4.pooled"), {.rel = 1e-5, .abs = 1e-5}));
    ExpectCompressed(pooled, Floats("compressor4.norm.weight"), Floats("rope.tiny.inv_freq"), 4,
                     Floats("compressor4.normed"), Floats("compressor4.out"));
  });
}

TEST_F(Units, SparseAttention) {
  const auto q = Floats("sparse_attn.q"), kv = Floats("sparse_attn.kv"),
             sink = Floats("sparse_attn.sink"), want = Floats("sparse_attn.out");
  const auto idx = Raw<std::int32_t>("sparse_attn.idx");
  const float scale = 1 / std::sqrt(32.0f);
  for (std::size_t tile : {5u, 64u})
    OnEveryIsa([&] {
      std::vector<float> out = Poisoned(want.size());
      for (std::size_t t = 0; t < 6; ++t) {
        std::vector<float> chosen;
        for (std::size_t i = 0; i < 20; ++i)
          if (const std::int32_t at = idx[t * 20 + i]; at >= 0)
            chosen.insert(chosen.end(), &kv[static_cast<std::size_t>(at) * 32],
                          &kv[static_cast<std::size_t>(at) * 32] + 32);
        std::vector<float> max(3), sum(3), weighted(96);
        kernels::AttentionState state{max, sum, Rows(weighted, 32)};
        const View2<const float> entries = Rows(std::as_const(chosen), 32);
        kernels::AttendBegin(state);
        for (std::size_t j = 0; j < entries.rows(); j += tile)
          kernels::AttendTile({&q[t * 96], 3, 32},
                              entries.Rows(j, std::min(tile, entries.rows() - j)), scale, state);
        kernels::AttendEnd(sink, state, {&out[t * 96], 3, 32});
      }
      EXPECT_TRUE(AllClose(out, want, {.rel = 2e-6, .abs = 2e-6}));
    });
}

TEST_F(Units, Router) {
  const auto logits = Floats("router.logits"), bias = Floats("router.bias");
  const auto want_ids = Raw<std::int32_t>("router.ids");
  const auto hash_ids = Raw<std::int64_t>("router.hash_ids");
  const auto want = Floats("router.weights_scale2.5"),
             want_hash = Floats("router.hash_weights_scale2.5");
  for (std::size_t t = 0; t < 10; ++t) {
    const std::span<const float> row = std::span(logits).subspan(t * 12, 12);
    std::vector<std::uint32_t> ids(3), given(3);
    std::vector<float> weights = Poisoned(3), hash_weights = Poisoned(3);
    for (std::size_t i = 0; i < 3; ++i) given[i] = static_cast<std::uint32_t>(hash_ids[t * 3 + i]);
    kernels::RouteByScore(row, bias, 2.5f, ids, weights);
    kernels::RouteGiven(row, 2.5f, given, hash_weights);
    for (std::size_t i = 0; i < 3; ++i) {
      const auto at = std::ranges::find(ids, static_cast<std::uint32_t>(want_ids[t * 3 + i]));
      ASSERT_NE(at, ids.end()) << t;
      EXPECT_NEAR(weights[static_cast<std::size_t>(at - ids.begin())], want[t * 3 + i], 1e-6);
      const auto hash = std::ranges::find(given, static_cast<std::uint32_t>(hash_ids[t * 3 + i]));
      ASSERT_NE(hash, given.end()) << t;
      EXPECT_NEAR(hash_weights[static_cast<std::size_t>(hash - given.begin())],
                  want_hash[t * 3 + i], 1e-6);
    }
    EXPECT_TRUE(std::ranges::is_sorted(ids) && std::ranges::is_sorted(given));
  }
}

TEST_F(Units, SwiGlu) {
  const auto gate = Floats("swiglu.gate"), up = Floats("swiglu.up"), want = Floats("swiglu.out");
  OnEveryIsa([&] {
    std::vector<float> out = Poisoned(want.size());
    kernels::SwiGlu(gate, up, Scalar("swiglu.limit"), 1, out);
    EXPECT_TRUE(AllClose(out, want, {.rel = 1e-6, .abs = 1e-6}));
  });
}

TEST_F(Units, RmsNorms) {
  const auto x = Floats("rmsnorm.x"), gain = Floats("rmsnorm.weight"), head = Floats("qhead_rms.x");
  OnEveryIsa([&] {
    std::vector<float> y = Poisoned(x.size()), heads = Poisoned(head.size()), steps = head;
    for (std::size_t t = 0; t < 4; ++t)
      kernels::RmsNorm(std::span(x).subspan(t * 96, 96), gain, 1e-6f,
                       std::span(y).subspan(t * 96, 96));
    for (std::size_t h = 0; h < 6; ++h) {
      kernels::RmsNorm(std::span(head).subspan(h * 64, 64), {}, 1e-6f,
                       std::span(heads).subspan(h * 64, 64));
      kernels::RmsNormBf16Steps(std::span(steps).subspan(h * 64, 64), 1e-6f);
    }
    EXPECT_TRUE(AllClose(y, Floats("rmsnorm.y_f32"), {.rel = 1e-6, .abs = 1e-6}));
    EXPECT_TRUE(AlmostAllSameBf16(ToBf16(y), Floats("rmsnorm.y_bf16")));
    EXPECT_TRUE(AllClose(heads, Floats("qhead_rms.y_f32"), {.rel = 1e-6, .abs = 1e-6}));
    EXPECT_TRUE(AlmostAllSameBf16(steps, Floats("qhead_rms.y_bf16")));
  });
}

}  // namespace
}  // namespace hadal
