// The kernels of DeepSeek-V3.2 against the official operation-level vectors.
#include <algorithm>
#include <cmath>

#include "kernels/attention.h"
#include "kernels/grouped_router.h"
#include "kernels/hadamard.h"
#include "kernels/index_scores.h"
#include "kernels/latent_entry.h"
#include "kernels/layer_norm.h"
#include "kernels/matmul.h"
#include "kernels/rope.h"
#include "tensor/owned_matrix.h"
#include "testing/close.h"
#include "units.h"

namespace hadal {
namespace {

using kernels::Weight;
using testing::SameBits;

class UnitsV32 : public Units {
 public:
  UnitsV32() : Units("golden-v32") {}

 protected:
  // Both rules of scales, by the names of their vectors.
  template <class F>
  static void WithBothRules(F&& body) {
    body(ScaleRule::kPowerOfTwo, std::string("ue8m0"));
    body(ScaleRule::kExact, std::string("f32"));
  }
};

TEST_F(UnitsV32, ActivationBlocks) {
  OnEveryIsa([&] {
    WithBothRules([&](ScaleRule rule, const std::string& name) {
      std::vector<float> x = Floats("act_quant.x");
      const auto scales = Floats("act_quant." + name + ".scale");
      const auto codes = Raw<std::byte>("act_quant." + name + ".code");
      for (std::size_t row = 0; row < x.size() / 256; ++row)
        for (std::size_t b = 0; b < 2; ++b) {
          std::byte got[128];
          const std::size_t at = row * 256 + b * 128;
          EXPECT_EQ(kernels::EncodeFp8Block(rule, std::span(x).subspan(at, 128), got),
                    scales[row * 2 + b]);
          EXPECT_TRUE(std::equal(got, got + 128, codes.begin() + static_cast<std::ptrdiff_t>(at)))
              << name << " row " << row << " block " << b;
        }
      for (std::size_t row = 0; row < x.size() / 256; ++row)
        kernels::RoundFp8(rule, std::span(x).subspan(row * 256, 256), 128);
      EXPECT_TRUE(SameBits(x, Floats("act_quant." + name + ".dequant"))) << name;
    });
  });
}

TEST_F(UnitsV32, WeightsAndQuantisedProducts) {
  OnEveryIsa([&] {
    WithBothRules([&](ScaleRule rule, const std::string& name) {
      const auto codes = Raw<std::byte>("weight." + name + ".weight");
      const auto scales = Raw<std::byte>("weight." + name + ".weight_scale_inv");
      const Weight stored{StoredFormat::kFp8Block128F32, 136, 256, codes.data(), scales.data()};
      const auto dequant = Floats("weight." + name + ".dequant");
      const auto as_e8m0 = WithE8m0Scales(stored);
      EXPECT_EQ(as_e8m0.has_value(), rule == ScaleRule::kPowerOfTwo);
      const Weight w = as_e8m0 ? as_e8m0->view : stored;
      for (std::size_t row = 0; row < w.rows; ++row) {
        std::vector<float> decoded = Poisoned(w.cols);
        DecodeRow(w, row, decoded);
        EXPECT_TRUE(SameBits(decoded, std::span(dequant).subspan(row * w.cols, w.cols)));
      }
      std::vector<float> x = Floats("linear." + name + ".x");
      Threads threads(2);
      for (const char* what : {".y_plain", ".y"}) {
        if (what == std::string(".y")) kernels::RoundFp8(rule, Rows(x, 256), 128, threads);
        const auto want = Floats("linear." + name + what);
        std::vector<float> y = Poisoned(want.size());
        kernels::MatMul(Rows(std::as_const(x), 256), w, Rows(y, 136), threads);
        double norm = 0;
        for (const float v : want) norm += double{v} * v;
        norm = std::sqrt(norm / 5);
        for (std::size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], want[i], 1e-6 * norm) << what;
      }
    });
  });
}

TEST_F(UnitsV32, StoredEntries) {
  const kernels::KvEntryShape shape{.head_dim = 576, .rope_dim = 64};
  ASSERT_EQ(kernels::LatentEntryBytes(shape), 656u);
  const auto latent = Floats("kv_entry.latent"), rope = Floats("kv_entry.k_rope");
  OnEveryIsa([&] {
    WithBothRules([&](ScaleRule rule, const std::string& name) {
      const auto want = Raw<std::byte>("kv_entry." + name + ".bytes");
      const auto dequant = Floats("kv_entry." + name + ".dequant");
      for (std::size_t row = 0; row < 8; ++row) {
        std::vector<float> kv(latent.begin() + static_cast<std::ptrdiff_t>(row * 512),
                              latent.begin() + static_cast<std::ptrdiff_t>(row * 512 + 512));
        kv.insert(kv.end(), rope.begin() + static_cast<std::ptrdiff_t>(row * 64),
                  rope.begin() + static_cast<std::ptrdiff_t>(row * 64 + 64));
        std::vector<std::byte> entry(656, std::byte{0xA5});
        kernels::EncodeLatentEntry(shape, rule, kv, entry);
        EXPECT_TRUE(std::equal(entry.begin(), entry.end(),
                               want.begin() + static_cast<std::ptrdiff_t>(row * 656)))
            << name << " " << row;
        std::vector<float> back = Poisoned(576);
        kernels::DecodeLatentEntry(shape, entry, back);
        EXPECT_TRUE(SameBits(back, std::span(dequant).subspan(row * 576, 576)));
        kernels::RoundLatentEntry(shape, rule, kv);
        EXPECT_TRUE(SameBits(kv, back));
      }
    });
  });
}

TEST_F(UnitsV32, StoredIndexKeys) {
  const auto keys = Floats("index_entry.k");
  OnEveryIsa([&] {
    WithBothRules([&](ScaleRule rule, const std::string& name) {
      const auto want = Raw<std::byte>("index_entry." + name + ".bytes");
      const auto dequant = Floats("index_entry." + name + ".dequant");
      for (std::size_t row = 0; row < 8; ++row) {
        std::vector<std::byte> entry(kernels::Fp8KeyBytes(128), std::byte{0xA5});
        kernels::EncodeFp8Key(rule, std::span(keys).subspan(row * 128, 128), entry);
        EXPECT_TRUE(std::equal(entry.begin(), entry.end(),
                               want.begin() + static_cast<std::ptrdiff_t>(row * 132)));
        std::vector<float> back = Poisoned(128);
        kernels::DecodeFp8Key(entry, back);
        EXPECT_TRUE(SameBits(back, std::span(dequant).subspan(row * 128, 128)));
      }
    });
  });
}

TEST_F(UnitsV32, RotaryTableAndPairs) {
  const auto frequencies = kernels::YarnFrequencies(64, 10000, 40, 32, 1, 4096);
  const auto want = Floats("rope.inv_freq"), cos = Floats("rope.cos"), sin = Floats("rope.sin");
  for (std::size_t i = 0; i < 32; ++i) EXPECT_NEAR(frequencies[i] / want[i], 1, 2e-7) << i;
  const auto positions = Raw<std::int64_t>("rope.positions");
  std::vector<float> c = Poisoned(cos.size()), s = Poisoned(cos.size());
  for (std::size_t p = 0; p < positions.size(); ++p)
    kernels::RopeAngles(static_cast<std::uint64_t>(positions[p]), want,
                        std::span(c).subspan(p * 32, 32), std::span(s).subspan(p * 32, 32));
  for (std::size_t i = 0; i < c.size(); ++i) {
    EXPECT_NEAR(c[i], cos[i], 1e-6) << i;
    EXPECT_NEAR(s[i], sin[i], 1e-6) << i;
  }
  Threads threads(2);
  const kernels::Angles angles{Rows(cos, 32), Rows(sin, 32)};
  std::vector<float> pairs = Floats("rope.x"), halves = pairs;
  kernels::Rotate(Rows(pairs, 64), 64, angles, kernels::Turn::kForward, threads);
  kernels::RotateHalves(Rows(halves, 64), 64, angles, threads);
  const auto interleaved = Floats("rope.interleaved"), half_split = Floats("rope.half_split");
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    EXPECT_NEAR(pairs[i], interleaved[i], 1e-6) << i;
    EXPECT_NEAR(halves[i], half_split[i], 1e-6) << i;
  }
}

TEST_F(UnitsV32, LayerNormAndHadamard) {
  Threads threads(2);
  OnEveryIsa([&] {
    std::vector<float> x = Floats("layernorm.x");
    const auto y = Floats("layernorm.y");
    kernels::LayerNorm(Rows(std::as_const(x), 128), Floats("layernorm.weight"),
                       Floats("layernorm.bias"), 1e-6f, Rows(x, 128), threads);
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], y[i], 1e-6) << i;
    std::vector<float> h = Floats("hadamard128.x");
    const auto want = Floats("hadamard128.y");
    kernels::Hadamard(Rows(h, 128), 128, threads);
    for (std::size_t i = 0; i < h.size(); ++i) EXPECT_NEAR(h[i], want[i], 1e-6 * 16) << i;
  });
}

// Queries and keys are rounded and decoded; the scales then lie in the products.
TEST_F(UnitsV32, IndexScores) {
  const std::size_t heads = 8, keys = 40, dim = 128;
  const auto factor =
      static_cast<float>(1 / std::sqrt(static_cast<double>(heads)) / std::sqrt(128.0));
  OnEveryIsa([&] {
    WithBothRules([&](ScaleRule rule, const std::string& name) {
      std::vector<float> q = Floats("index_score.q"), k = Floats("index_score.k");
      std::vector<float> w = Floats("index_score.w");
      const auto want = Floats("index_score." + name + ".score");
      Threads threads(1);
      kernels::RoundFp8(rule, Rows(q, dim), 128, threads);
      kernels::RoundFp8(rule, Rows(k, dim), 128, threads);
      for (float& v : w) v *= factor;
      for (std::size_t t = 0; t < 4; ++t) {
        std::vector<float> score = Poisoned(keys);
        kernels::IndexScores({q.data() + t * heads * dim, heads, dim},
                             std::span(w).subspan(t * heads, heads), Rows(std::as_const(k), dim),
                             kernels::Rounding::kNone, score);
        float largest = 0;
        for (std::size_t j = 0; j < keys; ++j)
          largest = std::max(largest, std::fabs(want[t * keys + j]));
        for (std::size_t j = 0; j < keys; ++j)
          EXPECT_NEAR(score[j], want[t * keys + j], 2e-6 * largest) << name << t << " " << j;
      }
    });
  });
}

TEST_F(UnitsV32, Router) {
  const auto x = Floats("router.x"), weight = Floats("router.weight"), bias = Floats("router.bias");
  const auto weights = Floats("router.weights");
  const auto ids = Raw<std::int32_t>("router.ids");
  const std::size_t rows = Dim("router.x", 0), experts = bias.size(), k = Dim("router.ids", 1);
  std::vector<float> logits(rows * experts), got(rows * k);
  const Weight gate{StoredFormat::kF32, experts, Dim("router.x", 1),
                    reinterpret_cast<const std::byte*>(weight.data()), nullptr};
  kernels::ref::MatMul(Rows(x, gate.cols), gate, Rows(logits, experts));
  std::vector<std::uint32_t> chosen(rows * k);
  Threads threads(2);
  kernels::RouteByGroups(Rows(std::as_const(logits), experts), bias, {8, 4}, 2.5f,
                         {chosen.data(), rows, k}, Rows(got, k), threads);
  for (std::size_t t = 0; t < rows; ++t) {
    std::vector<std::pair<std::uint32_t, float>> want;
    for (std::size_t i = 0; i < k; ++i)
      want.emplace_back(static_cast<std::uint32_t>(ids[t * k + i]), weights[t * k + i]);
    std::ranges::sort(want);
    for (std::size_t i = 0; i < k; ++i) {
      EXPECT_EQ(chosen[t * k + i], want[i].first) << t;
      EXPECT_NEAR(got[t * k + i], want[i].second, 1e-6) << t;
    }
  }
}

// The absorbed form by its kernels: queries through W_UK, attention over latents, W_UV.
TEST_F(UnitsV32, AbsorbedAttention) {
  const std::size_t tokens = 5, heads = 4, nope = 32, rope = 16, rank = 128, value = 24;
  const auto q_nope = Floats("mla.q_nope"), q_pe = Floats("mla.q_pe"), kv_b = Floats("mla.kv_b");
  const auto latent = Floats("mla.latent"), k_pe = Floats("mla.k_pe"), want = Floats("mla.out");
  const auto idx = Raw<std::int32_t>("mla.idx");
  const float scale = Scalar("mla.scale");
  const Weight all{StoredFormat::kF32, heads * (nope + value), rank,
                   reinterpret_cast<const std::byte*>(kv_b.data()), nullptr};
  Threads threads(1);
  OnEveryIsa([&] {
    for (std::size_t t = 0; t < tokens; ++t) {
      std::vector<float> entries;
      for (std::size_t i = 0; i < idx.size() / tokens; ++i) {
        const std::int32_t j = idx[t * (idx.size() / tokens) + i];
        if (j < 0) continue;
        const auto row = static_cast<std::ptrdiff_t>(j);
        entries.insert(entries.end(), latent.begin() + row * 128, latent.begin() + row * 128 + 128);
        entries.insert(entries.end(), k_pe.begin() + row * 16, k_pe.begin() + row * 16 + 16);
      }
      for (std::size_t h = 0; h < heads; ++h) {
        const OwnedMatrix uk = Transposed(all.Rows(h * (nope + value), nope));
        const Weight uv = all.Rows(h * (nope + value) + nope, value);
        std::vector<float> q(rank + rope), out(rank + rope), got = Poisoned(value);
        kernels::MatMul({q_nope.data() + (t * heads + h) * nope, 1, nope}, uk.view,
                        {q.data(), 1, rank}, threads);
        std::copy_n(q_pe.begin() + static_cast<std::ptrdiff_t>((t * heads + h) * rope), rope,
                    q.begin() + static_cast<std::ptrdiff_t>(rank));
        float max = 0, sum = 0;
        kernels::AttentionState state{{&max, 1}, {&sum, 1}, {out.data(), 1, rank + rope}};
        std::vector<float> o(rank + rope);
        const float none = -INFINITY;
        kernels::AttendBegin(state);
        kernels::AttendTile({q.data(), 1, rank + rope}, Rows(std::as_const(entries), rank + rope),
                            scale, state);
        kernels::AttendEnd({&none, 1}, state, {o.data(), 1, rank + rope});
        kernels::MatMul({o.data(), 1, rank}, uv, {got.data(), 1, value}, threads);
        for (std::size_t d = 0; d < value; ++d)
          EXPECT_NEAR(got[d], want[(t * heads + h) * value + d], 2e-6) << t << " " << h;
      }
    }
  });
}

}  // namespace
}  // namespace hadal
